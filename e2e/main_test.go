package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// atExit is what ends with the suite: the browser, the programs that tests share.
var atExit struct {
	sync.Mutex
	acts []func()
}

func whenDone(act func()) {
	atExit.Lock()
	defer atExit.Unlock()
	atExit.acts = append(atExit.acts, act)
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	defer func() {
		for _, act := range slices.Backward(atExit.acts) {
			act()
		}
	}()
	return m.Run()
}

// A tool that the suite needs besides Go, and what brings it.
type tool struct {
	name  string
	found func() bool
}

func onPath(names ...string) func() bool {
	return func() bool { return look(names...) != "" }
}

func look(names ...string) string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

const axeFile = "node_modules/axe-core/axe.min.js"

var (
	chromiumNames = []string{"chromium", "chromium-browser", "google-chrome"}
	chromiumTool  = tool{"chromium", onPath(chromiumNames...)}
	zbarTool      = tool{"zbarimg", onPath("zbarimg")}
	oathTool      = tool{"oathtool", onPath("oathtool")}
	paperTool     = tool{"pdftotext", onPath("pdftotext")}
	axeTool       = tool{"axe-core", func() bool { _, err := os.Stat(axeFile); return err == nil }}
)

// need leaves a test out on a machine that lacks what it needs, loudly, and fails
// it where CI is set: a test that is left out looks like one that passed.
func need(t *testing.T, tools ...tool) {
	t.Helper()
	for _, x := range append([]tool{chromiumTool, zbarTool, oathTool}, tools...) {
		if x.found() {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing, and CI leaves nothing out", x.name)
		}
		// Also to the console: go test hides what a passing package logs.
		fmt.Fprintf(os.Stderr, "LEFT OUT: %s (%s is missing); run make test\n", t.Name(), x.name)
		t.Skipf("LEFT OUT: %s is missing; run make test", x.name)
	}
}

// theBrowser is one Chromium for the whole suite. The context of the first call
// keeps it alive, so that one has no deadline.
var theBrowser = sync.OnceValues(func() (context.Context, error) {
	profile, err := os.MkdirTemp("", "doorstep-e2e-chromium-")
	if err != nil {
		return nil, err
	}
	whenDone(func() { _ = os.RemoveAll(profile) })
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(look(chromiumNames...)), chromedp.UserDataDir(profile),
		chromedp.NoSandbox, // needed as root, in a container and in CI
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		// A page that names no language of its own gets English.
		chromedp.Flag("lang", "en-US"),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	whenDone(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	whenDone(cancel)
	if err := chromedp.Do(ctx); err != nil {
		return nil, fmt.Errorf("start chromium: %w", err)
	}
	return ctx, nil
})

// out is where pictures go.
func out(t testing.TB, name string) string {
	t.Helper()
	if err := os.MkdirAll("out", 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join("out", name)
}
