#!/bin/sh
# A program that keeps Osler's master key in a hardware security module, by PKCS#11. It needs
# pkcs11-tool (OpenSC) and openssl, and an RSA key of at least 2048 bits in the module, which
# never leaves it:
#
#   pkcs11-tool --module MODULE --token-label TOKEN --login --keypairgen --key-type rsa:3072 --label osler --id 01
#   osler serve --data DIR --key-command "/usr/local/libexec/osler/pkcs11.sh"
#
# Settings, in the environment: PKCS11_MODULE, PKCS11_TOKEN, PKCS11_ID (01), PKCS11_PIN_FILE.
# Change it as your module asks for: the interface is two verbs and a line each way
# (docs/security/keys.md).
set -eu
umask 077
: "${PKCS11_MODULE:?is not set}" "${PKCS11_TOKEN:?is not set}" "${PKCS11_PIN_FILE:?is not set}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
PKCS11_PIN=$(cat "$PKCS11_PIN_FILE")
export PKCS11_PIN
tool() { pkcs11-tool --module "$PKCS11_MODULE" --token-label "$PKCS11_TOKEN" --id "${PKCS11_ID:-01}" "$@" 2>"$dir/said" || { grep -m 1 error: "$dir/said" >&2 || cat "$dir/said" >&2; exit 1; }; }
IFS= read -r line
case "${1:-}" in
wrap)
	tool --read-object --type pubkey --output-file "$dir/public" >/dev/null
	printf %s "$line" | openssl pkeyutl -encrypt -pubin -keyform DER -inkey "$dir/public" \
		-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha1 | openssl base64 -A
	echo
	;;
unwrap)
	printf %s "$line" | openssl base64 -d -A >"$dir/wrapped"
	tool --login --pin env:PKCS11_PIN --decrypt --mechanism RSA-PKCS-OAEP --hash-algorithm SHA-1 --mgf MGF1-SHA1 \
		--input-file "$dir/wrapped" --output-file "$dir/key" >/dev/null
	cat "$dir/key"
	echo
	;;
*)
	echo "wrap or unwrap" >&2
	exit 2
	;;
esac
