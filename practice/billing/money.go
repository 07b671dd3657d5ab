package billing

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/fhir"
)

// Cents is an amount of money in the smallest unit of its currency. Sums of it are exact.
type Cents int64

// ParseCents reads a decimal literal such as "158", "158.5" or "-12.30". More than two
// decimals are an error unless the rest is zero: an amount is never rounded in silence.
func ParseCents(literal string) (Cents, error) {
	digits, sign := literal, Cents(1)
	if strings.HasPrefix(digits, "-") {
		digits, sign = digits[1:], -1
	}
	whole, fraction, point := strings.Cut(digits, ".")
	rest := ""
	if len(fraction) > 2 {
		fraction, rest = fraction[:2], fraction[2:]
	}
	if whole == "" || point && fraction == "" || len(whole) > 13 || strings.Trim(rest, "0") != "" {
		return 0, fmt.Errorf("billing: %q is not an amount of money", literal)
	}
	for len(fraction) < 2 {
		fraction += "0"
	}
	n, err := strconv.ParseUint(whole+fraction, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("billing: %q is not an amount of money", literal)
	}
	return sign * Cents(n), nil
}

// String writes the amount with two decimals: "158.00".
func (c Cents) String() string {
	sign := ""
	if c < 0 {
		sign, c = "-", -c
	}
	return fmt.Sprintf("%s%d.%02d", sign, c/100, c%100)
}

// Money is an amount in a currency (ISO 4217).
type Money struct {
	Amount   Cents
	Currency string
}

func (m Money) node() *fhir.Node {
	return fhir.Obj("value", fhir.Decimal(m.Amount.String()), "currency", m.Currency)
}

// moneyFrom reads a FHIR Money; ok is false when there is none that can be read exactly.
func moneyFrom(n *fhir.Node) (Money, bool) {
	c, err := ParseCents(n.Get("value").Text())
	return Money{c, n.Get("currency").Text()}, err == nil
}
