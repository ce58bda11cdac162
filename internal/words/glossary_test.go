package words

import (
	"regexp"
	"strings"
	"testing"

	"doorstep/internal/article"
)

// Words that the glossary forbids, because Doorstep has one word for each thing, or that would tell people off.
// Each is a regular expression for a whole word. What is exempt (the things' own names, names of apps, the
// columns of a CSV file) is taken out before.
var glossary = map[Language]struct{ exempt, forbidden []string }{
	English: {
		exempt: []string{
			"authenticator apps?", "Google Authenticator", "Microsoft Authenticator",
			"Please sign in to leave a comment", // as people know it from other help centers
		},
		forbidden: []string{
			"2FA", "MFA", "two-factor", "two-step", "verif(y|ied|ication)", "authenticators?", "tokens?",
			"TOTP", "OTP", "backup codes?", "secrets?", "enabl(e|es|ed|ing)", "disabl(e|es|ed|ing)",
			"resets?", "resetting", "PIN", "tickets?", "superusers?", "log(s|ged|ging)? ?-?(in|out)", "logins?",
			"trusted", "e-mails?",
			"invalid", "oops", "please", "success(ful|fully)?", "click(s|ed)?", "illegal", "forbidden", "denied",
			"centres?", "recognise[ds]?", "cancelled", "sorry",
		},
	},
	Spanish: {
		exempt: []string{
			"Google Authenticator", "Microsoft Authenticator", "Información del usuario",
			"Te damos la bienvenida", "email, name, role",
		},
		forbidden: []string{
			"2FA", "MFA", "doble factor", "dos factores", "verific\\pL*", "autenticador(es)?",
			"apps?", "authenticator", "tokens?", "TOTP", "OTP", "contraseñas? de un solo uso", "respaldo", "secret[oa]s?",
			"(des)?habilit\\pL*", "restablec\\pL*", "resete\\pL*", "loguea\\pL*", "ingres\\pL*", "introdu\\pL*",
			"de confianza", "dueñ[oa]s?", "usuari[oa]s?", "claves? de acceso", "claves? maestras?", "login", "logins",
			"inválid[oa]s?", "por favor", "éxito", "exitosamente", "clic", "haz clic", "PIN", "tickets?",
			// one word that works in every country, and tú
			"móvil(es)?", "celular(es)?", "ordenador(es)?", "e-?mails?", "usted(es)?", "vos", "vosotros", "coger",
			// nothing that depends on somebody's gender
			"bienvenid[oa]s?", "conectad[oa]s?", "invitad[oa]s?", "obligad[oa]s?", "registrad[oa]s", "list[oa]s para",
		},
	},
	Portuguese: {
		exempt: []string{
			"Google Authenticator", "Microsoft Authenticator", "Informações do usuário",
			"aplicativos? autenticador(es)?", "email, name, role",
		},
		forbidden: []string{
			"2FA", "MFA", "dois fatores", "verific\\pL*", "autenticador(es)?", "authenticator", "apps?", "tokens?",
			"TOTP", "OTP", "senhas? únicas?", "reserva", "backups?", "segred\\pL*", "(des|h)abilit\\pL*", "redefin\\pL*",
			"reset\\pL*", "log(in|ins|ar|ado|ada|ue)", "confiáve(l|is)", "don[oa]s?", "usuári[oa]s?", "PIN", "tickets?",
			"inválid[oa]s?", "por favor", "sucesso", "clique", "clicar", "tu", "teus?", "tuas?", "contigo",
			"telemóve(l|is)", "ecrã", "palavra-passe", "utilizador(es)?", "email", "insira", "introduz\\pL*",
			"bem-vind[oa]s?", "conectad[oa]s?", "obrigad[oa]s?",
		},
	},
}

// word matches any of the patterns as a whole word, accents and all.
func word(patterns []string) *regexp.Regexp {
	const edge = `[^\pL\pN_]`
	anyOf := strings.ReplaceAll(strings.Join(patterns, "|"), "(", "(?:")
	return regexp.MustCompile(`(?i)(^|` + edge + `)(` + anyOf + `)($|` + edge + `)`)
}

func TestGlossary(t *testing.T) {
	for _, l := range Languages() {
		exempt := word(glossary[l].exempt)
		forbidden := word(glossary[l].forbidden)
		for key, texts := range raw(t, l) {
			for _, text := range texts {
				rest := placeholder.ReplaceAllString(text, "…")
				rest = exempt.ReplaceAllString(rest, "$1…$3")
				if found := forbidden.FindStringSubmatch(rest); found != nil {
					t.Errorf("%s: %s: %q holds %q", l, key, text, found[2])
				}
			}
		}
	}
}

// An article of the help center may say once, in one sentence, what others call the thing.
func TestGlossaryOfArticles(t *testing.T) {
	for _, l := range Languages() {
		exempt, forbidden := word(glossary[l].exempt), word(glossary[l].forbidden)
		for _, a := range article.In(string(l)) {
			var found []string
			for sentence := range strings.FieldsFuncSeq(a.Title+". "+a.Summary+" "+a.Text, func(r rune) bool { return strings.ContainsRune(".?\n", r) }) {
				if hit := forbidden.FindStringSubmatch(exempt.ReplaceAllString(sentence, "$1…$3")); hit != nil {
					found = append(found, hit[2]+" in: "+sentence)
				}
			}
			if len(found) > 1 {
				t.Errorf("%s/%s: %s", l, a.Slug, strings.Join(found, "\n"))
			}
		}
	}
}

// Punctuation: no shouting, no markup, the language's own quotation marks, a straight apostrophe.
func TestPunctuation(t *testing.T) {
	quotes := map[Language]string{English: "«»„’‘`\"", Spanish: "“”„’‘`\"'", Portuguese: "«»„’‘`\"'"}
	for _, l := range Languages() {
		for key, texts := range raw(t, l) {
			for _, text := range texts {
				if strings.ContainsAny(text, "!¡<>&\t\n\r\u00a0%"+quotes[l]) || strings.Contains(text, "  ") ||
					strings.Contains(text, "...") {
					t.Errorf("%s: %s: %q", l, key, text)
				}
				if l == Spanish && strings.Count(text, "?") != strings.Count(text, "¿") {
					t.Errorf("es: %s: %q opens no question", key, text)
				}
			}
		}
	}
}

// A sentence in one language is a sentence in the others; a label stays a label.
func TestSameEnd(t *testing.T) {
	english := raw(t, English)
	end := func(text string) string { return text[len(strings.TrimRight(text, ".?:,")):] }
	for _, l := range []Language{Spanish, Portuguese} {
		for key, texts := range raw(t, l) {
			for form, text := range texts {
				model := english[key][form]
				if form == "many" {
					model = english[key]["other"]
				}
				if key == "mail.greeting" || key == "mail.hello" { // a letter opens with a colon there
					continue
				}
				if end(text) != end(model) {
					t.Errorf("%s: %s: %q, in English %q", l, key, text, model)
				}
			}
		}
	}
}

// The test of the glossary finds what it should: without this, a slip in a pattern would pass for clean texts.
func TestGlossaryBites(t *testing.T) {
	for l, texts := range map[Language][]string{
		English:    {"Enter your 2FA code", "Open Authenticator", "Reset it", "Log in", "Please wait", "Disabled."},
		Spanish:    {"Código de verificación", "Restablece tu contraseña", "Ingresa tu correo", "Un usuario", "Te damos la bienvenida: bienvenido"},
		Portuguese: {"Redefina sua senha", "Fazer login", "Seu autenticador", "Código de verificação", "Bem-vindo"},
	} {
		for _, text := range texts {
			if !word(glossary[l].forbidden).MatchString(word(glossary[l].exempt).ReplaceAllString(text, "$1…$3")) {
				t.Errorf("%s: %q passes", l, text)
			}
		}
	}
	if rest := word(glossary[English].exempt).ReplaceAllString("Your authenticator app", "$1…$3"); rest != "Your …" {
		t.Errorf("the exempt words leave %q", rest)
	}
}
