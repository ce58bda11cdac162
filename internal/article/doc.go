// Package article is the help center's shelf: the articles in each language, which
// are Markdown files of this folder, read and turned into HTML once. It knows no
// person, no table and no page. What an article says is ours: nothing that anybody
// typed ever comes here, and raw HTML in a file is left out all the same.
package article
