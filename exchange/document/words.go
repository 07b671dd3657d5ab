package document

// What is not sure or could not be read, as sentences of the message catalogue.
const (
	markedError      = "The document marks this entry as an error."
	kindNotRead      = "Entries of this kind are not taken in as data. The text of the section says what they mean."
	saysNothing      = "The entry names nothing: it has neither a code nor words."
	textOnly         = "This section has only text."
	emptySection     = "This section is empty."
	noInformation    = "The document says that it has no information for this section."
	statusUnclear    = "The document does not say whether this is still so."
	dateUnreadable   = "A date in the document cannot be read."
	datesContradict  = "An end in the document is before its beginning. It was left out."
	deniesInWords    = "There is no code, and the words seem to say that there is none, or that it is not known."
	wordsOnly        = "There is no code, only words."
	otherText        = "The text of the document says something else than this entry."
	notUCUM          = "“%s” is no unit of UCUM."
	timesWithoutZone = "Times of day in this document have no time zone. Their days are taken, the times are not."
	noBody           = "The document has no contents beside its header."
	unknownLabel     = "The document restricts who may see this in a way that is not known here: %s. It is held as specially protected until somebody says what it is."
	restricted       = "The document is restricted and does not say why. It is held as specially protected until somebody says what it is."
	keptAsLabels     = "This says who may see the document. It is kept as labels."
	notKnown         = "The document says that it is not known."
	tooMany          = "The entry holds more than %d others."
	muchText         = "The entries refer to the same text again and again. Not all of it was taken."
	valueMissing     = "The document gives no value."
	moreTimes        = "The document gives more than one time; see its text."
	valueUnreadable  = "The value in the document cannot be read."
	severityWhere    = "The document rates the severity of the allergy as a whole, not of a reaction."
	bodyElsewhere    = "The contents of the document are in a file of its own, which was not sent with it."
	howOften         = "The document does not say how often."
	rowOnly          = "No entry refers to this row of the text."
	bodyUnreadable   = "The file in the document cannot be read."
)

// MetHidden says what Comparison.Unseen is.
const MetHidden = "Some medicines of this document do not go well with information in this chart that you may not see. Which ones is not told: let somebody who may see all of the chart decide about the medicines."
