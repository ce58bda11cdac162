package seal

import (
	"bytes"
	"encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newFolder opens a folder of its own and returns where it is.
func newFolder(t *testing.T) (dir string, k *Keys) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "a", "keys")
	k, err := OpenKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, k
}

// TestTheFirstStartMakesTheFolder: three files, and nothing for others to see.
//
// ASVS 13.2.3, ASVS 13.3.1
func TestTheFirstStartMakesTheFolder(t *testing.T) {
	dir, k := newFolder(t)
	modes := map[string]fs.FileMode{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		modes[strings.TrimPrefix(path, dir)] = info.Mode().Perm()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]fs.FileMode{"": 0o700, "/master.key": 0o600, "/pepper.key": 0o600, "/sealing.json": 0o600}
	if diff := cmp.Diff(want, modes); diff != "" {
		t.Errorf("modes (-want +got):\n%s", diff)
	}

	sealed, err := k.Seal(place, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	again, err := OpenKeys(dir + "/")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Open(place, sealed); err != nil || string(got) != "secret" {
		t.Errorf("after another start: %q, %v", got, err)
	}
	if !bytes.Equal(k.Pepper([]byte("x")), again.Pepper([]byte("x"))) || k.PepperID() != again.PepperID() {
		t.Error("another start has another pepper")
	}
	if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
		t.Errorf("another start changed files:\n%s", diff)
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(text)
	}
	return all
}

func TestAnEmptyFolderOfTheOperators(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeys(dir); err != nil {
		t.Error(err)
	}
}

// TestOpenToOthersIsRefused, in a sentence that names the file, what is wrong
// and the command that repairs it; and the command does.
//
// ASVS 13.3.1, ASVS 13.3.2
func TestOpenToOthersIsRefused(t *testing.T) {
	for _, v := range []struct {
		name string
		mode fs.FileMode
		fix  fs.FileMode
		want string
	}{
		{"", 0o750, 0o700, "the key folder DIR can be reached by other accounts of this computer (mode 0750): chmod 700 DIR"},
		{"", 0o701, 0o700, "the key folder DIR can be reached by other accounts of this computer (mode 0701): chmod 700 DIR"},
		{masterFile, 0o640, 0o600, "the key file DIR/master.key can be reached by other accounts of this computer (mode 0640): chmod 600 DIR/master.key"},
		{pepperFile, 0o604, 0o600, "the key file DIR/pepper.key can be reached by other accounts of this computer (mode 0604): chmod 600 DIR/pepper.key"},
		{sealingFile, 0o620, 0o600, "the key file DIR/sealing.json can be reached by other accounts of this computer (mode 0620): chmod 600 DIR/sealing.json"},
	} {
		dir, _ := newFolder(t)
		path := filepath.Join(dir, v.name)
		if err := os.Chmod(path, v.mode); err != nil {
			t.Fatal(err)
		}
		k, err := OpenKeys(dir)
		if err == nil || k != nil {
			t.Fatalf("%s with mode %o: opened", v.name, v.mode)
		}
		if got := strings.ReplaceAll(err.Error(), dir, "DIR"); got != v.want {
			t.Errorf("got  %s\nwant %s", got, v.want)
		}
		if err := os.Chmod(path, v.fix); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKeys(dir); err != nil {
			t.Errorf("after the chmod: %v", err)
		}
	}
}

// TestADamagedSetIsRefused and left as it was: never a new key for a lost one,
// never a panic, and no key in the words.
func TestADamagedSetIsRefused(t *testing.T) {
	other, _ := newFolder(t)
	stranger := contents(t, other)
	write := func(name, text string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) }
	}
	remove := func(name string) func(string) error {
		return func(dir string) error { return os.Remove(filepath.Join(dir, name)) }
	}
	for name, v := range map[string]struct {
		damage func(dir string) error
		want   []string // parts of the sentence
	}{
		"master empty":           {write(masterFile, ""), []string{"master.key", "backup"}},
		"master cut":             {write(masterFile, stranger[masterFile][:50]), []string{"master.key is damaged", "backup"}},
		"master longer":          {write(masterFile, stranger[masterFile]+"A"), []string{"master.key is damaged", "backup"}},
		"master is the pepper":   {write(masterFile, stranger[pepperFile]), []string{"master.key does not begin", "backup"}},
		"master of another set":  {write(masterFile, stranger[masterFile]), []string{"sealing.json does not open", "another set"}},
		"pepper of another set":  {write(pepperFile, stranger[pepperFile]), []string{"sealing.json does not open", "another set"}},
		"sealing of another set": {write(sealingFile, stranger[sealingFile]), []string{"sealing.json does not open", "another set"}},
		"pepper empty":           {write(pepperFile, ""), []string{"pepper.key", "backup"}},
		"sealing empty":          {write(sealingFile, ""), []string{"sealing.json does not open", "backup"}},
		"sealing no JSON":        {write(sealingFile, "\x00\xff"), []string{"sealing.json does not open", "backup"}},
		"sealing cut":            {write(sealingFile, stranger[sealingFile][:100]), []string{"sealing.json does not open", "backup"}},
		"master lost":            {remove(masterFile), []string{"has no master.key", "backup"}},
		"pepper lost":            {remove(pepperFile), []string{"has no pepper.key", "backup"}},
	} {
		dir, _ := newFolder(t)
		if err := v.damage(dir); err != nil {
			t.Fatal(err)
		}
		before := contents(t, dir)
		k, err := OpenKeys(dir)
		if err == nil || k != nil {
			t.Errorf("%s: opened", name)
			continue
		}
		for _, part := range v.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v (no %q)", name, err, part)
			}
		}
		for _, text := range before {
			if len(text) > 60 && strings.Contains(err.Error(), text[30:50]) {
				t.Errorf("%s: the sentence holds a key: %v", name, err)
			}
		}
		if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
			t.Errorf("%s: files were changed:\n%s", name, diff)
		}
	}
}

// TestEveryDamagedByteIsNoticed, in all three files: no byte of them is free, but
// for what JSON and a final newline leave open.
func TestEveryDamagedByteIsNoticed(t *testing.T) {
	dir, k := newFolder(t)
	for name, text := range contents(t, dir) {
		for i := range text {
			damaged := []byte(text)
			damaged[i] ^= 1
			if err := os.WriteFile(filepath.Join(dir, name), damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := OpenKeys(dir); err == nil && got.PepperID() != k.PepperID() {
				t.Fatalf("%s with byte %d changed opens with another pepper", name, i)
			} else if err == nil && name != sealingFile {
				t.Fatalf("%s with byte %d changed opens", name, i)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{masterFile, pepperFile} { // what editors and secret stores do to a last line
		text := contents(t, dir)[name]
		for _, end := range []string{"", "\n", "\r\n", "\n\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.TrimSpace(text)+end), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := OpenKeys(dir); err != nil {
				t.Errorf("%s ending in %q: %v", name, end, err)
			}
		}
	}
}

// TestAHalfMadeSetIsRefused: a first start that was cut short cannot be told from
// a lost file, so a person decides.
func TestAHalfMadeSetIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, _ := newFolder(t)
		if err := os.Remove(filepath.Join(dir, sealingFile)); err != nil {
			t.Fatal(err)
		}
		before := contents(t, dir)
		_, err := OpenKeys(dir)
		if err == nil || !strings.Contains(err.Error(), "has no sealing.json") || !strings.Contains(err.Error(), "delete the folder") {
			t.Errorf("got %v", err)
		}
		if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
			t.Errorf("files were changed:\n%s", diff)
		}
	})
}

// TestASetThatIsBeingMadeIsWaitedFor: the other process is between its files.
func TestASetThatIsBeingMadeIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, maker := newFolder(t)
		last := filepath.Join(dir, sealingFile)
		aside := last + ".aside"
		if err := os.Rename(last, aside); err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(patience / 2)
			if err := os.Rename(aside, last); err != nil {
				t.Error(err)
			}
		}()
		k, err := OpenKeys(dir)
		if err != nil {
			t.Fatal(err)
		}
		if k.PepperID() != maker.PepperID() {
			t.Error("another pepper")
		}
	})
}

func TestNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeys(file); err == nil || !strings.Contains(err.Error(), "is not a folder") {
		t.Errorf("a file: %v", err)
	}
	if _, err := OpenKeys(filepath.Join(file, "below")); err == nil {
		t.Error("a folder below a file")
	}
	for _, name := range []string{sealingFile, masterFile} {
		dir, _ := newFolder(t)
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKeys(dir); err == nil || !strings.Contains(err.Error(), name+" is not a file") {
			t.Errorf("a folder named %s: %v", name, err)
		}
	}
}

// TestGoroutinesAgree: many openers of one new folder end with one set.
func TestGoroutinesAgree(t *testing.T) {
	for range 20 {
		dir := filepath.Join(t.TempDir(), "keys")
		keys := make([]*Keys, 8)
		var group sync.WaitGroup
		for i := range keys {
			group.Go(func() {
				k, err := OpenKeys(dir)
				if err != nil {
					t.Error(err)
					return
				}
				keys[i] = k
			})
		}
		group.Wait()
		if t.Failed() {
			return
		}
		sealed, err := keys[0].Seal(place, []byte("secret"))
		if err != nil {
			t.Fatal(err)
		}
		for i, k := range keys {
			if got, err := k.Open(place, sealed); err != nil || string(got) != "secret" || k.PepperID() != keys[0].PepperID() {
				t.Fatalf("opener %d has other keys: %v", i, err)
			}
		}
		if files := contents(t, dir); len(files) != 3 {
			t.Fatalf("temporary files are left: %d", len(files))
		}
	}
}

// TestProcessesAgree does the same with real processes: this test, started again
// as a program that opens a folder, seals and says its pepper's id.
func TestProcessesAgree(t *testing.T) {
	if dir := os.Getenv("SEAL_TEST_FOLDER"); dir != "" {
		k, err := OpenKeys(dir)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := k.Seal(place, []byte("secret"))
		if err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("SEALED " + k.PepperID() + " " + hex.EncodeToString(sealed) + "\n")
		return
	}

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "keys")
	outputs := make([]bytes.Buffer, 6)
	var group sync.WaitGroup
	for i := range outputs {
		group.Go(func() {
			cmd := exec.Command(self, "-test.run=^TestProcessesAgree$")
			cmd.Env = append(os.Environ(), "SEAL_TEST_FOLDER="+dir)
			cmd.Stdout, cmd.Stderr = &outputs[i], &outputs[i]
			if err := cmd.Run(); err != nil {
				t.Errorf("%v\n%s", err, outputs[i].String())
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	k, err := OpenKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range outputs {
		_, said, _ := strings.Cut(outputs[i].String(), "SEALED ")
		line, _, _ := strings.Cut(said, "\n")
		id, text, _ := strings.Cut(line, " ")
		sealed, err := hex.DecodeString(text)
		if err != nil {
			t.Fatalf("process %d said %q", i, outputs[i].String())
		}
		if got, err := k.Open(place, sealed); err != nil || string(got) != "secret" || id != k.PepperID() {
			t.Errorf("process %d had other keys: pepper %s, %v", i, id, err)
		}
	}
}

// TestOldTextsStayReadable: a keyset that gets a second key opens what the first
// one sealed. It is why the keyset has ids.
//
// ASVS 11.2.2
func TestOldTextsStayReadable(t *testing.T) {
	rotated, old, sealed := rotate(t)
	if got, err := rotated.Open(place, sealed); err != nil || string(got) != "secret" {
		t.Errorf("the old text: %q, %v", got, err)
	}
	fresh, err := rotated.Seal(place, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(fresh[:5], sealed[:5]) {
		t.Error("the new text has the old key's id")
	}
	if _, err := old.Open(place, fresh); err == nil {
		t.Error("the old set opens the new text")
	}
}
