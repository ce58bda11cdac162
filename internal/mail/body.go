package mail

import (
	"fmt"
	"html/template"
	"strings"
)

// textOf writes the letter as plain text.
func textOf(body []string, foot, link string) string {
	text := strings.Join(body, "\n\n") + "\n\n-- \n" + foot + "\n"
	return strings.ReplaceAll(text, linkMark, link)
}

// page is the letter as HTML: no picture, no style sheet, nothing from anywhere
// else; its colors are those of the pages. Styles stand in the tags because mail
// programs take them nowhere else.
const page = `<!doctype html>
<html lang="{{.Language}}">
<head><meta charset="utf-8"><meta name="color-scheme" content="light"><title>{{.Subject}}</title></head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif">
<div style="max-width:38rem;margin:0 auto">
{{- range .Body}}
<p>{{range .}}{{if .Link}}<a href="{{.Link}}" style="color:#0F6B55">{{.Link}}</a>{{else}}{{.Text}}{{end}}{{end}}</p>
{{- end}}
<hr style="border:0;border-top:1px solid #D9D6CC">
<p style="font-size:14px;color:#55605A">{{.Foot}}</p>
</div>
</body>
</html>
`

// piece is a stretch of text, or the link.
type piece struct{ Text, Link string }

func htmlOf(language, subject string, body []string, foot, link string) (string, error) {
	t, err := template.New("letter").Parse(page)
	if err != nil {
		return "", fmt.Errorf("read the page of letters: %w", err)
	}
	var paragraphs [][]piece
	for _, text := range body {
		var pieces []piece
		for i, stretch := range strings.Split(text, linkMark) {
			if i > 0 {
				pieces = append(pieces, piece{Link: link})
			}
			pieces = append(pieces, piece{Text: stretch})
		}
		paragraphs = append(paragraphs, pieces)
	}
	var b strings.Builder
	if err := t.Execute(&b, map[string]any{"Language": language, "Subject": subject, "Body": paragraphs, "Foot": foot}); err != nil {
		return "", fmt.Errorf("write the page of a letter: %w", err)
	}
	return b.String(), nil
}
