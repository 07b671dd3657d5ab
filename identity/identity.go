// Package identity knows who is there: accounts, passwords, second factors, login
// sessions, bearer tokens, lockout and the one-time set-up link.
//
// Secrets are kept as argon2id hashes (passwords) or SHA-256 (tokens, which are random).
// What a person may do is trust/policy's affair; clinical data is record's.
package identity
