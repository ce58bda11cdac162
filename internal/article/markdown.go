package article

import (
	"bytes"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// render makes HTML of Markdown (CommonMark), and the plain words of it. goldmark
// leaves raw HTML and dangerous links out unless it is told otherwise, and it is not.
func render(markdown string) (html, plain string, err error) {
	source := []byte(markdown)
	md := goldmark.New()
	doc := md.Parser().Parse(text.NewReader(source))
	var b bytes.Buffer
	if err := md.Renderer().Render(&b, source, doc); err != nil {
		return "", "", err
	}
	var words strings.Builder
	err = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Text:
			if entering {
				words.Write(n.Segment.Value(source))
				if n.SoftLineBreak() || n.HardLineBreak() {
					words.WriteByte(' ')
				}
			}
		case *ast.RawHTML, *ast.HTMLBlock:
			return ast.WalkSkipChildren, nil
		default:
			if !entering && n.Type() == ast.TypeBlock {
				words.WriteByte('\n')
			}
		}
		return ast.WalkContinue, nil
	})
	return b.String(), words.String(), err
}
