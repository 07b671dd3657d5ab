package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
)

func TestWhatIsPastedIsCleaned(t *testing.T) {
	body := "text=one%0Btwo%0Cthree%00%1B%0D%0Afour%09%C3%A9%FF&other=%F0%9F%91%A9%E2%80%8D%E2%9A%95"
	r := httptest.NewRequest(http.MethodPost, "/x?q=a%01b", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := readForm(r); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{"text": "one two three\r\nfour\té", "other": "👩\u200d⚕", "q": "ab"} {
		if got := r.FormValue(field); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	if got := r.PostForm.Get("text"); got != "one two three\r\nfour\té" {
		t.Errorf("the posted form holds %q", got)
	}
}

func TestAFormThatIsTooLargeIsToldAsThat(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/x", strings.NewReader("text="+strings.Repeat("a", 100)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, 20)
	if readForm(r) == nil {
		t.Error("a form over the limit was read")
	}
}

func TestARefusedResourceIsToldInPlainWordsOnce(t *testing.T) {
	text := "If condition is abated, then clinicalStatus must be either inactive, resolved, or remission (con-4)."
	f := fault.New(fault.Invalid, "%s", text).At("Condition.abatementDateTime").With(
		fault.Issue{Severity: "error", Type: "invariant", Expression: "Condition.abatementDateTime", Text: text},
		fault.Issue{Severity: "warning", Type: "invariant", Expression: "Condition.text", Text: "A resource should have narrative for robust management (dom-6)."})
	said := (&Request{}).sentences(f)
	if strings.Contains(said, "con-4") || strings.Contains(said, "dom-6") || strings.Count(said, "abated") != 1 {
		t.Errorf("the page says %q", said)
	}
}

// TestNumbersAreReadInTheDigitsOfAnyKeyboard: a field of a number is; a password and words are not.
func TestNumbersAreReadInTheDigitsOfAnyKeyboard(t *testing.T) {
	for _, c := range []struct{ field, typed, want string }{
		{"upper", "١٤٠", "140"}, {"bp", "١٤٠/٩٠", "140/90"}, {"weight", "٧٨٫٥", "78.5"}, {"weight", "۷۸٫۵", "78.5"},
		{"fee", "١٬٢٥٠٫٥٠", "1250.50"}, {"date", "٢٠٢٦-١١-٢٤", "2026-11-24"},
		{"text", "لدي ١٢ حبة", "لدي ١٢ حبة"}, {"text", "،", "،"}, {"again", "١٢٣٤٥٦٧٨٩٠١٢", "١٢٣٤٥٦٧٨٩٠١٢"}, {"prove.password", "١٢٣٤٥٦٧٨٩٠١٢", "١٢٣٤٥٦٧٨٩٠١٢"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/x", strings.NewReader(url.Values{c.field: {c.typed}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if err := readForm(r); err != nil {
			t.Fatal(err)
		}
		if got := r.FormValue(c.field); got != c.want {
			t.Errorf("%s %q is read as %q, want %q", c.field, c.typed, got, c.want)
		}
	}
}
