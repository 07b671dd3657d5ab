package clinic

import (
	"context"
	"strings"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/practice/message"
	"github.com/osler-emr/osler/practice/task"
)

func sexWord(sex string) string {
	if sex == "" {
		return "Sex not recorded"
	}
	return strings.ToUpper(sex[:1]) + sex[1:]
}

func resultCount(ctx context.Context, list, normal []workLine) string {
	switch {
	case len(list) == 0 && len(normal) == 0:
		return ""
	case len(normal) == 0:
		return ui.T(ctx, "%d to review", len(list))
	}
	return ui.T(ctx, "%d to review, %d in range", len(list), len(normal))
}

func messageCount(ctx context.Context, list []workLine) string {
	messages, refills := len(of(list, task.AnswerMessage)), len(of(list, task.RefillRequest))
	switch {
	case messages > 0 && refills > 0:
		return counted(ctx, "1 message", "%d messages", messages) + ", " + counted(ctx, "1 refill request", "%d refill requests", refills)
	case refills > 0:
		return counted(ctx, "1 refill request", "%d refill requests", refills)
	case messages > 0:
		return counted(ctx, "1 message", "%d messages", messages)
	}
	return ""
}

// counted is a number of things in words: one is said as one. many holds the place of the number.
func counted(ctx context.Context, one, many string, n int) string {
	if n == 1 {
		return ui.T(ctx, one)
	}
	return ui.T(ctx, many, n)
}

// countedText is counted as a part of a sentence.
func countedText(one, many string, n int) lang.Text {
	if n == 1 {
		return lang.Say(one)
	}
	return lang.Say(many, n)
}

// nameIn is who wrote; somebody whom the reader may not see is said so.
func nameIn(ctx context.Context, names map[string]string, ref string) string {
	if n := names[ref]; n != "" {
		return n
	}
	if strings.HasPrefix(ref, "Patient/") {
		return ui.T(ctx, "the patient")
	}
	return ui.T(ctx, "someone in the clinic")
}

func answerHint(ctx context.Context, t message.Thread) string {
	if t.Staff {
		return ui.T(ctx, "Colleagues read it; the patient does not.")
	}
	return ui.T(ctx, "The patient reads it in the portal.")
}

// canDecline: somebody asked for something that can be refused with a reason.
func canDecline(i inboxItem) bool {
	k := i.Line.Task.Kind
	return k == task.RefillRequest || k == task.PatientMeasurement || k == task.SignPrescription && i.MaySign
}

// declineHint says who reads the reason.
func declineHint(ctx context.Context, i inboxItem) string {
	if i.Line.Task.Kind == task.SignPrescription {
		return ui.T(ctx, "Who prepared it reads it.")
	}
	return ui.T(ctx, "The patient reads it.")
}

// canFinish: work without a form of its own is ticked off.
func canFinish(i inboxItem) bool {
	k := i.Line.Task.Kind
	return i.Thread == nil && !canDecline(i) && len(i.Values) == 0 && !i.TakenBack && k != task.SignNote && k != task.SignPrescription && k != task.RightsRequest && k != task.ReviewDocument && k != task.DuplicatePatient
}
