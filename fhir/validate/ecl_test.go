package validate

import "testing"

func TestExpressionConstraints(t *testing.T) {
	for text, want := range map[string]bool{
		"404684003": true, "404684003 |Clinical finding|": true, "< 19829001 |Disorder of lung|": true, "<<! 19829001": true, "^ 700043003": true, "*": true, "<< *": true,
		"< 19829001 AND < 301867009": true, "(< 19829001 OR < 301867009) MINUS << 40541001": true,
		"< 19829001 |Disorder of lung| : 116676008 |Associated morphology| = << 79654002 |Oedema|": true,
		"< 404684003 : { 363698007 = << 39057004, 116676008 = << 415582006 }":                      true,
		"< 373873005 : [1..3] 127489000 = < 105590001, 1142135004 >= #250, 209309002 = \"x\"":      true,
		"< 125605004 . 363698007": true, "/* note */ 404684003": true,
		"234234 << 234234": false, "": false, "<": false, "12345": false, "012345678": false, "404684003 AND": false, "(404684003": false, "404684003)": false,
		"404684003 |x": false, "< 404684003 : 363698007": false, "< 404684003 : [1] 363698007 = *": false, "404684003 404684003": false,
	} {
		if got := ecl(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func FuzzECL(f *testing.F) {
	f.Add("< 373873005 : [1..3] { R 127489000 = < 105590001 } , 1142135004 >= #250")
	f.Add("((((/*")
	f.Fuzz(func(t *testing.T, text string) { ecl(text) })
}
