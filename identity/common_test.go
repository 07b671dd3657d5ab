package identity

import "testing"

// TestCommonPasswords: what an attacker tries first is refused however it is adorned; phrases that
// people make up are not.
func TestCommonPasswords(t *testing.T) {
	for _, p := range []string{
		"123456789012", "012345678901", "987654321098", "111111111111", "password1234", "Password123!!", "passwordpassword", "P@ssw0rd1234", "passw0rd!2026",
		"qwertyuiop12", "qwertyuiopasdf", "qwertyqwerty", "1q2w3e4r5t6y", "1qaz2wsx3edc", "zaq1xsw2cde3", "asdfghjkl123", "zxcvbnm12345", "abcdefghijkl", "abc123abc123", "abcd1234abcd",
		"iloveyou1234", "ILoveYouILoveYou", "letmein12345", "welcome12345", "Welcome2026!!", "administrator1", "adminadminadmin", "changeme1234", "trustno1trustno1",
		"sunshine1234", "correcthorsebatterystaple", "correct horse battery staple", "hospital1234", "clinic123456", "doctordoctor", "osler osler osler", "OslerEMR2026!",
		"summer202600", "Winter-2026-2026", "princess1234", "football1234", "my password is secret", "nina.berg2026!", "bergnina12345", "monkey!!dragon!!",
	} {
		if CheckPassword(p, "nina.berg") == nil {
			t.Errorf("%q is taken", p)
		}
	}
	for _, p := range []string{
		phrase, "three quiet herons wade", "a plum tree by the old mill", "Kaffee um vier bei Oma", "purple elephants dance", "xK9#mQ2$vL7pzw", "tres gatos en el tejado",
		"中文密码很长很长的一个句子吧好", "winter nights in tromsø", "password reset by carrier pigeon",
	} {
		if err := CheckPassword(p, "nina.berg"); err != nil {
			t.Errorf("%q is refused: %v", p, err)
		}
	}
}

func FuzzCheckPassword(f *testing.F) {
	f.Add("password1234", "nina")
	f.Fuzz(func(_ *testing.T, password, user string) { _ = CheckPassword(password, user) })
}
