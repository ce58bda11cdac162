package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"doorstep/internal/core"
)

const (
	// roundEvery is how long a letter waits at most before it is claimed.
	roundEvery = time.Second
	// roundLongest is for how long a mail server that cannot be reached is left alone.
	roundLongest = time.Minute
	// claimed is how many letters one claim takes.
	claimed = 20
)

// Postman brings core's letters to a sender.
type Postman struct {
	Core    *core.Core
	Letters Letters
	Sender  Sender
	Log     *slog.Logger
	// AtOnce is how many letters are under way at a time; 0 is one after the other.
	AtOnce int

	going sync.Mutex // a round is under way
}

// Run delivers each second until ctx ends, and less often while the mail server
// cannot be reached.
func (p *Postman) Run(ctx context.Context) {
	wait := roundEvery
	for {
		_, err := p.Round(ctx)
		if err != nil && ctx.Err() == nil {
			p.Log.WarnContext(ctx, "letters were not delivered; they stay in the queue", "error", err)
		}
		if wait *= 2; !unreachable(err) {
			wait = roundEvery
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(wait, roundLongest)):
		}
	}
}

func unreachable(err error) bool {
	f := new(Failure)
	return errors.As(err, &f) && f.All
}

// Round delivers what waits now and returns how many letters were sent. One that
// cannot be written or sent waits for its next try and never stops those behind it,
// unless the mail server itself cannot be reached: then the rest goes back untried.
func (p *Postman) Round(ctx context.Context) (sent int, err error) {
	// Whoever asks for a round while one is under way waits for what that one has in
	// its hands.
	p.going.Lock()
	defer p.going.Unlock()
	var errs []error
	for {
		letters, err := p.Core.ClaimLetters(ctx, claimed)
		if err != nil {
			return sent, errors.Join(append(errs, fmt.Errorf("claim letters: %w", err))...)
		}
		n, err := p.deliverAll(ctx, letters)
		sent += n
		if errs = append(errs, err); len(letters) < claimed || ctx.Err() != nil || unreachable(err) {
			return sent, errors.Join(errs...)
		}
	}
}

// deliverAll delivers letters, AtOnce at a time.
func (p *Postman) deliverAll(ctx context.Context, letters []core.Letter) (sent int, err error) {
	var (
		mu   sync.Mutex
		errs []error
		left = letters
		away bool
		crew sync.WaitGroup
	)
	next := func() (l core.Letter, more bool) {
		mu.Lock()
		defer mu.Unlock()
		// Near its end a claim is let go: two senders must not have one letter at once.
		if len(left) == 0 || away || ctx.Err() != nil || p.Core.Now().Add(sendPatience).After(left[0].Until) {
			return l, false
		}
		l, left = left[0], left[1:]
		return l, true
	}
	for range max(p.AtOnce, 1) {
		crew.Go(func() {
			for l, more := next(); more; l, more = next() {
				err := p.deliver(ctx, l)
				mu.Lock()
				if err == nil {
					sent++
				} else {
					errs = append(errs, fmt.Errorf("letter %s (%s), try %d: %w", l.ID, l.Kind, l.Tries, err))
				}
				away = away || unreachable(err)
				mu.Unlock()
			}
		})
	}
	crew.Wait()
	if len(left) > 0 {
		if err := p.Core.ReturnLetters(context.WithoutCancel(ctx), left); err != nil {
			errs = append(errs, fmt.Errorf("return letters: %w", err))
		}
	}
	return sent, errors.Join(errs...)
}

// deliver renders, sends and marks one letter.
func (p *Postman) deliver(ctx context.Context, letter core.Letter) error {
	err := p.send(ctx, letter)
	// Sent is sent, and failed is failed, also when the program is being stopped
	// meanwhile.
	after := context.WithoutCancel(ctx)
	if err == nil {
		return p.Core.LetterSent(after, letter.ID)
	}
	if ctx.Err() != nil {
		return errors.Join(err, p.Core.ReturnLetters(after, []core.Letter{letter})) // we broke it off ourselves
	}
	f := new(Failure)
	if !errors.As(err, &f) {
		f = &Failure{Why: core.LetterUnreachable}
	}
	dead, marking := p.Core.LetterFailed(after, letter, f.Why, f.Reply)
	if dead {
		p.Log.ErrorContext(ctx, "a letter was given up; an owner can have it sent again", "letter", letter.ID, "kind", letter.Kind, "tries", letter.Tries)
	}
	return errors.Join(err, marking)
}

// send is the part that may fail. A rendering that panics is that letter's fault
// alone.
func (p *Postman) send(ctx context.Context, letter core.Letter) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Failure{Why: core.LetterUnwritable, err: fmt.Errorf("a letter panicked: %v", r)}
		}
	}()
	m, err := p.Letters.Render(letter)
	if err != nil {
		return &Failure{Why: core.LetterUnwritable, err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, sendPatience)
	defer cancel()
	return p.Sender.Send(ctx, m)
}
