package seal

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// Keeper is a place outside that wraps a key and does not give its own away: a key management
// service, a hardware security module. What it has wrapped stands in the envelope.
type Keeper interface {
	// Kind names it in the envelope, and Name for people.
	Kind() string
	Name() string
	Wrap(ctx context.Context, key []byte) (wrapped string, err error)
	Unwrap(ctx context.Context, wrapped string) (key []byte, err error)
}

// Kept has the master key wrapped by a keeper.
func Kept(k Keeper) Source { return Source{keeper: k} }

// keeperWithin is how long a keeper may take.
const keeperWithin = 30 * time.Second

// maxWrapped is the longest form of a wrapped key that is taken.
const maxWrapped = 64 << 10

// Command is a Keeper that is a program: any key management service or hardware module that has
// one. It is called with its arguments and "wrap" or "unwrap", gets one line on its input and
// answers with one line: the key in hexadecimal digits, and what it became, in printable
// characters. It says what failed on its error output and exits with a status other than 0.
type Command []string

// Kind implements Keeper.
func (Command) Kind() string { return ByCommand }

// Name implements Keeper.
func (c Command) Name() string { return "program " + c[0] }

// Wrap implements Keeper.
func (c Command) Wrap(ctx context.Context, key []byte) (string, error) {
	return c.run(ctx, "wrap", hex.EncodeToString(key))
}

// Unwrap implements Keeper.
func (c Command) Unwrap(ctx context.Context, wrapped string) ([]byte, error) {
	text, err := c.run(ctx, "unwrap", wrapped)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != KeySize {
		return nil, fault.New(fault.Forbidden, "The %s must answer with %d hexadecimal digits; it has %d characters.", c.Name(), 2*KeySize, len(text))
	}
	return key, nil
}

func (c Command) run(ctx context.Context, verb, line string) (string, error) {
	cmd := exec.CommandContext(ctx, c[0], append(c[1:len(c):len(c)], verb)...)
	cmd.WaitDelay = time.Second
	cmd.Stdin = strings.NewReader(line + "\n")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &limited{&out}, &limited{&said}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", fault.New(fault.Unavailable, "The %s that keeps the key did not answer within %v.", c.Name(), keeperWithin)
	case errors.As(err, &exit):
		first, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
		return "", fault.New(fault.Forbidden, "The %s that keeps the key failed (%v): %s", c.Name(), exit, first)
	case err != nil:
		return "", fault.Wrap(err, fault.Unavailable, "The %s that keeps the key cannot be run.", c.Name())
	}
	text := strings.TrimSpace(out.String())
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fault.New(fault.Forbidden, "The %s that keeps the key must answer with one line of printable characters.", c.Name())
	}
	return text, nil
}

// limited takes no more than maxWrapped bytes.
type limited struct{ b *bytes.Buffer }

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	if l.b.Len()+len(p) > maxWrapped {
		return 0, fault.New(fault.TooLarge, "The answer is longer than %d bytes.", maxWrapped)
	}
	return l.b.Write(p)
}

// Transit is a Keeper that speaks the transit interface of OpenBao and Vault. Address is that of a
// key in it, such as https://bao.example.org:8200/v1/transit/keys/osler; only HTTPS is taken,
// except on this machine. The token may encrypt and decrypt with the key, and nothing else.
type Transit struct {
	Address, Token string
	Client         *http.Client // nil: one with limits
}

// Kind implements Keeper.
func (Transit) Kind() string { return ByService }

// Name implements Keeper.
func (t Transit) Name() string {
	u, err := url.Parse(t.Address)
	if err != nil {
		return "key service"
	}
	return "key service " + u.Host
}

// Wrap implements Keeper.
func (t Transit) Wrap(ctx context.Context, key []byte) (string, error) {
	var out struct {
		Ciphertext string `json:"ciphertext"`
	}
	err := t.ask(ctx, "encrypt", map[string]string{"plaintext": base64.StdEncoding.EncodeToString(key)}, &out)
	if err == nil && out.Ciphertext == "" {
		err = fault.New(fault.Unavailable, "The %s answered without a ciphertext.", t.Name())
	}
	return out.Ciphertext, err
}

// Unwrap implements Keeper.
func (t Transit) Unwrap(ctx context.Context, wrapped string) ([]byte, error) {
	var out struct {
		Plaintext string `json:"plaintext"`
	}
	if err := t.ask(ctx, "decrypt", map[string]string{"ciphertext": wrapped}, &out); err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(out.Plaintext)
	if err != nil || len(key) != KeySize {
		return nil, fault.New(fault.Forbidden, "The %s answered with something else than the key of this record.", t.Name())
	}
	return key, nil
}

// path returns the address of an action on the key.
func (t Transit) path(action string) (string, error) {
	u, err := url.Parse(t.Address)
	wrong := fault.New(fault.Invalid, "The address of the key must look like https://bao.example.org:8200/v1/transit/keys/osler.")
	if err != nil || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return "", wrong
	}
	host := u.Hostname()
	if u.Scheme != "https" && !(u.Scheme == "http" && (host == "127.0.0.1" || host == "::1" || host == "localhost")) {
		return "", fault.New(fault.Invalid, "The key service is reached by https:// only; anybody on the way could read the key.")
	}
	mount, name, ok := strings.Cut(u.Path, "/keys/")
	if !ok || name == "" || strings.Contains(name, "/") {
		return "", wrong
	}
	u.Path = mount + "/" + action + "/" + name
	return u.String(), nil
}

func (t Transit) ask(ctx context.Context, action string, in map[string]string, out any) error {
	address, err := t.path(action)
	if err != nil {
		return err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Vault-Request", "true")
	if t.Token != "" {
		r.Header.Set("X-Vault-Token", t.Token)
	}
	client := t.Client
	if client == nil { // a redirect would take the key elsewhere
		client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	res, err := client.Do(r)
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The %s does not answer. Without it the record cannot be opened.", t.Name())
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxWrapped))
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The answer of the %s broke off.", t.Name())
	}
	var answer struct {
		Errors []string        `json:"errors"`
		Data   json.RawMessage `json:"data"`
	}
	err = json.Unmarshal(text, &answer)
	switch {
	case res.StatusCode == http.StatusServiceUnavailable || res.StatusCode >= 500:
		return fault.New(fault.Unavailable, "The %s cannot work now (status %d %s): it may be sealed.", t.Name(), res.StatusCode, strings.Join(answer.Errors, "; "))
	case res.StatusCode != http.StatusOK:
		return fault.New(fault.Forbidden, "The %s refuses (status %d %s). Check the token, and that the key is the one that wrapped this record's.", t.Name(), res.StatusCode, strings.Join(answer.Errors, "; "))
	case err == nil:
		err = json.Unmarshal(answer.Data, out)
	}
	if err != nil {
		return fault.New(fault.Unavailable, "The answer of the %s cannot be read.", t.Name())
	}
	return nil
}

// wrapKept makes a master key and has it wrapped. That it comes back is tried before anything
// depends on it.
func wrapKept(k Keeper, master []byte) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*keeperWithin)
	defer cancel()
	wrapped, err := k.Wrap(ctx, master)
	if err != nil {
		return "", err
	}
	back, err := k.Unwrap(ctx, wrapped)
	if err == nil && !bytes.Equal(back, master) {
		err = fault.New(fault.Forbidden, "The %s does not give back the key that it has wrapped.", k.Name())
	}
	return wrapped, err
}

func unwrapKept(k Keeper, wrapped string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), keeperWithin)
	defer cancel()
	key, err := k.Unwrap(ctx, wrapped)
	if err == nil && len(key) != KeySize {
		err = fmt.Errorf("seal: a keeper returned %d bytes", len(key))
	}
	return key, err
}
