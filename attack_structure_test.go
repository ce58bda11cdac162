package doorstep_test

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"doorstep/internal/apptest"
	"doorstep/internal/core"
)

// What the program cannot do, because it is not in it.

// neverImported are packages with which somebody's input could become a command, a
// program, a template or a request, or that show the inside of a process; weak hashes
// and ciphers; and ours is safe memory.
var neverImported = []string{
	"os/exec", "plugin", "unsafe", "syscall/js", "text/template", "encoding/xml", "encoding/gob", "net/rpc", "net/http/httputil", "net/http/cgi", "net/http/fcgi",
	"net/http/pprof", "expvar", "net/smtp", "crypto/md5", "crypto/sha1", "crypto/des", "crypto/rc4", "crypto/dsa", "crypto/rsa", "crypto/aes", "crypto/cipher",
	"math/rand", "math/rand/v2", "golang.org/x/crypto/bcrypt", "golang.org/x/crypto/md4",
}

// dialers are who may open a connection: to the database, and to the mail server. The
// addresses of both are the operator's. fetches are what would ask a URL.
var (
	dialers = []string{"db", "mail"}
	fetches = []string{"Get", "Post", "PostForm", "Head", "NewRequest", "NewRequestWithContext", "Client", "DefaultClient", "Transport"}
)

// The program runs no command, asks no address of the network but the database's and
// the mail server's, and makes no template, regular expression or cipher of input.
//
// ASVS 1.2.5, ASVS 1.3.2, ASVS 1.3.6, ASVS 1.4.1, ASVS 1.5.1, ASVS 11.2.1, ASVS 11.3.1, ASVS 11.3.2, ASVS 11.4.1, ASVS 13.2.4, ASVS 13.2.5
// ASVS 13.4.2, ASVS 14.2.3, ASVS 15.3.2, ASVS 1.2.9
func TestWhatTheProgramCannotDo(t *testing.T) {
	t.Parallel()
	for _, s := range load(t) {
		if s.forTests || !strings.HasPrefix(s.path, "internal/") && !strings.HasPrefix(s.path, "cmd/") {
			continue
		}
		for _, i := range s.file.Imports {
			if name := strings.Trim(i.Path.Value, `"`); slices.Contains(neverImported, name) {
				t.Errorf("%s imports %s", s.path, name)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				in, _ := n.X.(*ast.Ident)
				if in == nil {
					return true
				}
				if in.Name == "http" && slices.Contains(fetches, n.Sel.Name) {
					t.Errorf("%s: http.%s: nothing here asks a URL", at(n), n.Sel.Name)
				}
				if in.Name == "net" && strings.Contains(n.Sel.Name, "Dial") && !slices.Contains(dialers, s.room) {
					t.Errorf("%s: net.%s outside of %v", at(n), n.Sel.Name, dialers)
				}
			case *ast.CallExpr:
				f, _ := n.Fun.(*ast.SelectorExpr)
				if f == nil || len(n.Args) != 1 || f.Sel.Name != "MustCompile" && f.Sel.Name != "Compile" {
					return true
				}
				if _, literal := n.Args[0].(*ast.BasicLit); !literal && s.room != "demo" { // its address, and quoted
					t.Errorf("%s: a regular expression that is made while the program runs", at(n))
				}
			}
			return true
		})
	}
}

// The one script keeps nothing in the browser, makes no HTML and runs no text.
//
// ASVS 1.3.2, ASVS 3.2.2, ASVS 3.7.1, ASVS 14.3.3, ASVS 15.3.6
func TestWhatTheScriptCannotDo(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("internal/web/assets/*.js")
	if err != nil || len(scripts) != 1 {
		t.Fatalf("the scripts are %v (%v)", scripts, err)
	}
	text, err := os.ReadFile(scripts[0])
	if err != nil {
		t.Fatal(err)
	}
	bad := regexp.MustCompile(`localStorage|sessionStorage|indexedDB|document\.cookie|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|postMessage|__proto__|Object\.assign|\bimport\(|https?://`)
	for _, found := range bad.FindAllString(string(text), -1) {
		t.Errorf("%s has %s", scripts[0], found)
	}
	if !strings.Contains(string(text), "textContent") {
		t.Errorf("%s says nothing by textContent: is it the script?", scripts[0])
	}
}

// A password does not age: after years it opens as on the first day, and nothing asks
// for another one.
//
// ASVS 6.2.10, NIST 3.1.1.2(6)
func TestPasswordsDoNotAge(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.Options{})
	a.Pass(3 * 365 * 24 * time.Hour)
	carla := comesIn(t, a, "carla")
	if answer := carla.ask(a, "GET", "/api/v1/team/users", "", nil); answer.Problem() != string(core.AdminOnly) {
		t.Errorf("after three years: %s", answer)
	}
}
