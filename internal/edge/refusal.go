package edge

import (
	"crypto/rand"
	"encoding/hex"
	"math"
	"net/http"
	"strconv"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// Status is the one place where a kind of refusal becomes a status.
func Status(k core.Kind) int {
	switch k {
	case core.Unauthenticated:
		return http.StatusUnauthorized
	case core.Forbidden:
		return http.StatusForbidden
	case core.NotFound:
		return http.StatusNotFound
	case core.Conflict:
		return http.StatusConflict
	case core.Gone:
		return http.StatusGone
	case core.TooMany:
		return http.StatusTooManyRequests
	case core.Busy:
		return http.StatusServiceUnavailable
	case core.BadRequest:
		return http.StatusBadRequest
	}
	return http.StatusUnprocessableEntity
}

// Sentence says a refusal in the reader's language, with what to do next.
func Sentence(w words.Words, r *core.Refusal) string {
	args := words.Args{}
	for k, v := range r.Args {
		args[k] = v
		if d, is := v.(time.Duration); is && r.Code == core.OutOfRange { // the ends of a range, not a wait
			args[k] = Exactly(w, d)
		}
	}
	if r.RetryAfter > 0 {
		args["time"] = r.RetryAfter
	}
	if r.Alone {
		return w.Say("step.waitboth", args)
	}
	return w.Say("refusal."+string(r.Code), args)
}

// Problem is a refusal as RFC 9457 writes it.
type Problem struct {
	Type              string `json:"type" doc:"A stable name of the kind of refusal" example:"urn:doorstep:problem:wrong-code"`
	Title             string `json:"title"`
	Status            int    `json:"status"`
	Detail            string `json:"detail,omitempty" doc:"What happened, why, and what to do next, in the caller's language"`
	Field             string `json:"field,omitempty" doc:"The input that it is about"`
	RetryAfterSeconds int    `json:"retry_after_seconds,omitempty"`
	AttemptsLeft      *int   `json:"attempts_left,omitempty" doc:"Free tries left before a pause"`
	UnlockCodesLeft   *int   `json:"unlock_codes_left,omitempty" doc:"The code was right: so many more in a row end the authenticator's pause"`
	Reason            string `json:"reason,omitempty" doc:"Why a session ended"`
}

// ContentType is what RFC 9457 asks for.
func (*Problem) ContentType(string) string { return "application/problem+json" }

func (p *Problem) Error() string { return p.Type }

// GetStatus is the status with which it is sent.
func (p *Problem) GetStatus() int { return p.Status }

// ProblemType is the stable name of a code.
func ProblemType(code core.Code) string { return "urn:doorstep:problem:" + string(code) }

// ProblemOf writes a refusal as a problem document.
func ProblemOf(w words.Words, r *core.Refusal) *Problem {
	p := &Problem{
		Type: ProblemType(r.Code), Title: w.Say("refusal." + string(r.Code) + ".title"), Status: Status(r.Kind()),
		Detail: Sentence(w, r), Field: r.Field, RetryAfterSeconds: Seconds(r.RetryAfter), Reason: string(r.Reason),
	}
	if r.Counted {
		p.AttemptsLeft = &r.TriesLeft
	}
	if n, is := r.Args["unlock"].(int); is {
		p.UnlockCodesLeft = &n
	}
	return p
}

// Seconds rounds up: who waits as long as told never comes too early.
func Seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// RetryAfter sets the header of the same name when there is something to wait for.
func RetryAfter(h http.Header, d time.Duration) {
	if d > 0 {
		h.Set("Retry-After", strconv.Itoa(Seconds(d)))
	}
}

// FaultID names a fault of ours: the log line has it and the person is shown it,
// and nothing else of the fault.
func FaultID() string {
	b := make([]byte, 5)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}
