// Package webtest drives pages in a real browser, for tests: it opens them at a size, a
// colour scheme and a direction, runs axe on them, checks what axe does not see, and takes
// pictures.
//
//	b := webtest.Start(t)
//	p := b.Open(url+"/today", webtest.Phone)
//	p.Check()                // axe, sideways scroll, console faults, small targets
//	p.Picture("today-phone") // into $OSLER_SCREENSHOTS, when that is set
//
// Without a Chromium on the machine the tests skip, loudly; with OSLER_REQUIRE_BROWSER set
// they fail.
package webtest

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

//go:embed testdata/axe.min.js
var axe string

// View is how a page is looked at.
type View struct {
	Name          string
	Width, Height int64
	Dark          bool
	Touch         bool
}

// The usual views.
var (
	Desktop = View{Name: "desktop", Width: 1440, Height: 900}
	Dark    = View{Name: "dark", Width: 1440, Height: 900, Dark: true}
	Tablet  = View{Name: "tablet", Width: 820, Height: 1180}
	Phone   = View{Name: "phone", Width: 390, Height: 844, Touch: true}
)

// Browser is somebody's browser: a running Chromium with a cookie jar, a cache and passkeys of its own.
type Browser struct {
	t   testing.TB
	ctx context.Context
}

// process is a running Chromium.
type process struct {
	ctx   context.Context
	close func()
}

// shared is the Chromium of a package that has Main: a new one has to warm up, which costs as much
// as a dozen pages.
var shared struct {
	wanted bool
	mu     sync.Mutex
	*process
}

// Main runs the tests of a package with one Chromium for all of them, and returns their exit code.
// Each of their browsers knows nothing of the others.
//
//	func TestMain(m *testing.M) { os.Exit(webtest.Main(m)) }
func Main(m *testing.M) int {
	shared.wanted = true
	defer func() {
		if shared.process != nil {
			shared.close()
		}
	}()
	return m.Run()
}

// Start starts a browser that ends with the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("OSLER_REQUIRE_BROWSER") != "" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("NOT TESTED: chromium is not installed")
	}
	chromium, err := running(t, path)
	if err != nil {
		t.Fatalf("browser: %v", err)
	}
	if !shared.wanted {
		return &Browser{t: t, ctx: chromium.ctx}
	}
	ctx, cancel := chromedp.NewContext(chromium.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(func() { _ = chromedp.Cancel(ctx); cancel() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("browser: %v", err)
	}
	return &Browser{t: t, ctx: ctx}
}

// running returns the shared Chromium, which it starts when there is none or it has died; in a
// package without Main one that ends with the test.
func running(t testing.TB, path string) (*process, error) {
	if !shared.wanted {
		p, err := launch(path)
		if err == nil {
			t.Cleanup(p.close)
		}
		return p, err
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.process != nil && shared.ctx.Err() == nil {
		return shared.process, nil
	}
	p, err := launch(path)
	if err == nil {
		shared.process = p
	}
	return p, err
}

func launch(path string) (*process, error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true))
	allocator, wait := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	p := &process{ctx: ctx, close: func() { _ = chromedp.Cancel(ctx); cancel(); wait() }}
	if err := chromedp.Do(ctx); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// Page is an open tab.
type Page struct {
	t    testing.TB
	ctx  context.Context
	view View

	mu     sync.Mutex
	faults []string // messages of the console and uncaught exceptions
}

// Open opens a URL in a new tab of the same session and waits for it.
func (b *Browser) Open(url string, v View) *Page {
	b.t.Helper()
	tab, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	p := &Page{t: b.t, ctx: tab, view: v}
	go p.listen(chromedp.Console(tab))
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	p.run(chromedp.EmulateViewport(v.Width, v.Height), media(scheme, v.Touch), chromedp.Navigate(url))
	return p
}

// media sets the colour scheme, reduced motion and touch of a tab.
func media(scheme string, touch bool) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		if _, err := chromedp.Call(ctx, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: touch}); err != nil {
			return err
		}
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	})
}

// listen keeps what scripts and the content security policy complain about; answers with
// an error status are no fault of the page.
func (p *Page) listen(messages iter.Seq2[chromedp.ConsoleMessage, error]) {
	for m, err := range messages {
		if err != nil {
			return
		}
		if m.Source == "network" || !(m.IsException() || m.Type == "error") {
			continue
		}
		p.mu.Lock()
		p.faults = append(p.faults, m.Text)
		p.mu.Unlock()
	}
}

func (p *Page) run(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("browser: %v", err)
	}
}

// patience is how long one action may take on a busy machine.
const patience = 30 * time.Second

func get[T any](p *Page, a chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		p.t.Fatalf("browser: %v", err)
	}
	return v
}

// Goto opens another URL in the same tab.
func (p *Page) Goto(url string) { p.t.Helper(); p.run(chromedp.Navigate(url)) }

// Front puts the tab before the others, which a browser lets rest.
func (p *Page) Front() {
	p.t.Helper()
	p.run(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, page.BringToFront, struct{}{})
		return err
	}))
}

// Click presses the element that a CSS selector finds.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.run(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Submit presses a button and waits for the page that follows.
func (p *Page) Submit(selector string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		p.t.Fatalf("browser: submit %s: %v", selector, err)
	}
}

// Type types into the element that a CSS selector finds.
func (p *Page) Type(selector, text string) {
	p.t.Helper()
	p.run(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Press types keys at the focus: "j", kb.Enter.
func (p *Page) Press(keys string) { p.t.Helper(); p.run(chromedp.KeyEvent(keys)) }

// Chord presses a key with Control: Chord("k").
func (p *Page) Chord(key string) {
	p.t.Helper()
	Eval[bool](p, fmt.Sprintf(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown",{key:%q,ctrlKey:true,bubbles:true,cancelable:true}))`, key))
}

// Key presses one key as a hand does: a page that takes the key for itself types no letter.
func (p *Page) Key(key string) {
	p.t.Helper()
	p.run(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		for _, r := range key {
			events := kb.Encode(r)
			down, up := *events[0], *events[len(events)-1]
			down.Text, down.UnmodifiedText = events[len(events)/2].Text, events[len(events)/2].UnmodifiedText
			for _, e := range []input.DispatchKeyEventParams{down, up} {
				if _, err := chromedp.Call(ctx, input.DispatchKeyEvent, e); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

// Control presses a key with Control as a hand does: Control("k"), Control(kb.Enter).
func (p *Page) Control(key string) {
	p.t.Helper()
	p.run(chromedp.KeyEvent(key, chromedp.KeyModifiers(chromedp.ModifierCtrl)))
}

// Shift presses a key with Shift: Shift(kb.Tab) goes back.
func (p *Page) Shift(key string) {
	p.t.Helper()
	p.run(chromedp.KeyEvent(key, chromedp.KeyModifiers(chromedp.ModifierShift)))
}

// Wait waits until the selector finds a visible element.
func (p *Page) Wait(selector string) {
	p.t.Helper()
	p.run(chromedp.WaitVisible(chromedp.CSS(selector)))
}

// Text returns the visible text of the element.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	return strings.TrimSpace(get(p, chromedp.Text(chromedp.CSS(selector))))
}

// Path returns the path of the page that is shown.
func (p *Page) Path() string {
	p.t.Helper()
	return Eval[string](p, "location.pathname+location.search")
}

// Eval evaluates an expression in the page; promises are awaited.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	return get(p, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// SignIn signs in on the sign-in page of a site.
func (p *Page) SignIn(site, user, password string) {
	p.t.Helper()
	p.Goto(site + "/sign-in")
	p.Type("#f-user", user)
	p.Type("#f-password", password)
	p.Submit("form[action='/sign-in'] button[type=submit]")
}

// Authenticator gives the tab a device that makes and uses passkeys, as a phone with a
// fingerprint does, with a finger always on it.
func (p *Page) Authenticator() {
	p.t.Helper()
	p.run(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
			return err
		}
		_, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}})
		return err
	}))
}

// Picture saves the page as shown into $OSLER_SCREENSHOTS; without it nothing happens.
func (p *Page) Picture(name string) {
	p.t.Helper()
	dir := os.Getenv("OSLER_SCREENSHOTS")
	if dir == "" {
		return
	}
	p.run(chromedp.Sleep(150 * time.Millisecond))
	png := get(p, chromedp.CaptureScreenshot())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// Check runs everything that every page must pass.
func (p *Page) Check() {
	p.t.Helper()
	p.Axe()
	p.NoSideScroll()
	p.NoConsoleFaults()
	p.Targets()
	p.NoInline()
}

// Axe fails the test for each violation of WCAG 2.2 A and AA; in the dark, of the rules about colours: all else
// is as in the light.
func (p *Page) Axe() {
	p.t.Helper()
	Eval[bool](p, axe+";true")
	rules := `["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa"]`
	if p.view.Dark {
		rules = `{type:"rule",values:["color-contrast","link-in-text-block"]}`
	}
	body := Eval[string](p, `axe.run(document,{resultTypes:["violations"],runOnly:`+rules+`}).then(r=>JSON.stringify(r.violations.map(v=>({id:v.id,help:v.help,nodes:v.nodes.slice(0,4).map(n=>n.html.slice(0,220)+"  "+n.failureSummary.slice(0,260))}))))`)
	var found []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(body), &found); err != nil {
		p.t.Fatalf("axe: %v", err)
	}
	for _, v := range found {
		p.t.Errorf("%s, %s: axe %s: %s\n\t%s", p.Path(), p.view.Name, v.ID, v.Help, strings.Join(v.Nodes, "\n\t"))
	}
}

// NoSideScroll fails the test when the page is wider than the window.
func (p *Page) NoSideScroll() {
	p.t.Helper()
	w := Eval[struct {
		Page, Window int
		Widest       string
	}](p, `(()=>{const w=innerWidth;let widest="";for(const e of document.body.querySelectorAll("*")){const r=e.getBoundingClientRect();if(r.right>w+1||r.left<-1){widest=e.outerHTML.slice(0,160);break}}
	return {Page:document.documentElement.scrollWidth,Window:w,Widest:widest}})()`)
	if w.Page != w.Window {
		p.t.Errorf("%s, %s: the page is %d px wide in a window of %d px; first element outside: %s", p.Path(), p.view.Name, w.Page, w.Window, w.Widest)
	}
}

// NoConsoleFaults fails the test when a script failed or the policy blocked something.
func (p *Page) NoConsoleFaults() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.faults {
		p.t.Errorf("%s: console: %s", p.view.Name, f)
	}
}

// Targets fails the test for controls under 24 by 24 px, 44 in the portal; links inside a
// sentence are exempt (WCAG 2.5.8).
func (p *Page) Targets() {
	p.t.Helper()
	small := Eval[[]string](p, `(()=>{const least=document.body.classList.contains("portal")?44:24;const out=[];
	for(const e of document.querySelectorAll("button,input:not([type=hidden]),select,textarea,summary,a[href]")){
		const r=e.getBoundingClientRect();if(!r.width||!r.height||e.closest(".sr,.skip"))continue;
		if(e.matches("input[type=checkbox],input[type=radio]")&&e.closest("label")?.getBoundingClientRect().height>=least)continue;
		const inText=e.matches("a")&&e.parentElement&&[...e.parentElement.childNodes].some(n=>n.nodeType===3&&n.textContent.trim());
		if(!inText&&(r.height<least-0.5||r.width<least-0.5))out.push(Math.round(r.width)+"x"+Math.round(r.height)+" "+e.outerHTML.slice(0,140));}
	return out.slice(0,8)})()`)
	for _, s := range small {
		p.t.Errorf("%s, %s: control too small: %s", p.Path(), p.view.Name, s)
	}
}

// NoInline fails the test for style attributes and handlers in the page's HTML, which the
// content security policy would block.
func (p *Page) NoInline() {
	p.t.Helper()
	bad := Eval[[]string](p, `(()=>{const out=[];for(const e of document.querySelectorAll("*")){if(e.tagName==="TEXTAREA"||e.closest("svg"))continue;for(const a of e.attributes)if(a.name.startsWith("on"))out.push(e.outerHTML.slice(0,120))}
	for(const s of document.querySelectorAll("script:not([src])"))out.push(s.outerHTML.slice(0,120));return out.slice(0,5)})()`)
	for _, s := range bad {
		p.t.Errorf("%s: inline script: %s", p.Path(), s)
	}
}
