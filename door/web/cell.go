package web

import "strings"

// Cell keeps a spreadsheet from running a cell of a table file as a formula: what begins like one
// gets an apostrophe in front (OWASP, CSV injection).
func Cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
