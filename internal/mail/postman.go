package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"doorstep/internal/core"
)

const (
	// roundEvery is how long a letter waits at most before it is claimed.
	roundEvery = time.Second
	// claimed is how many letters one claim takes: all of them must be sent within the
	// minute for which they are claimed.
	claimed = 20
)

// Postman brings core's letters to a sender.
type Postman struct {
	Core    *core.Core
	Letters Letters
	Sender  Sender
	Log     *slog.Logger
}

// Run delivers each second until ctx ends.
func (p *Postman) Run(ctx context.Context) {
	tick := time.NewTicker(roundEvery)
	defer tick.Stop()
	for {
		if _, err := p.Round(ctx); err != nil && ctx.Err() == nil {
			p.Log.WarnContext(ctx, "letters were not delivered; they stay in the queue", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Round delivers what waits now and returns how many letters were sent. One that
// cannot be written or sent stays in the queue until its claim runs out, and
// never stops those behind it.
func (p *Postman) Round(ctx context.Context) (sent int, err error) {
	var errs []error
	for {
		letters, err := p.Core.ClaimLetters(ctx, claimed)
		if err != nil {
			return sent, errors.Join(append(errs, fmt.Errorf("claim letters: %w", err))...)
		}
		for _, letter := range letters {
			if err := p.deliver(ctx, letter); err != nil {
				errs = append(errs, fmt.Errorf("letter %s (%s), try %d: %w", letter.ID, letter.Kind, letter.Tries, err))
				continue
			}
			sent++
		}
		if len(letters) < claimed || ctx.Err() != nil {
			return sent, errors.Join(errs...)
		}
	}
}

// deliver renders, sends and marks one letter. A rendering that panics is that
// letter's fault alone.
func (p *Postman) deliver(ctx context.Context, letter core.Letter) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("a letter panicked: %v", r)
		}
	}()
	m, err := p.Letters.Render(letter)
	if err != nil {
		return err
	}
	if err := p.Sender.Send(ctx, m); err != nil {
		return err
	}
	// Sent is sent, also when the program is being stopped meanwhile.
	return p.Core.LetterSent(context.WithoutCancel(ctx), letter.ID)
}
