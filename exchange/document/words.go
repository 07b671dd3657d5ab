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
	wordsOnly        = "There is no code, only words."
	otherText        = "The text of the document says something else than this entry."
	notUCUM          = "“%s” is no unit of UCUM."
	timesWithoutZone = "Times of day in this document have no time zone. Their days are taken, the times are not."
	noBody           = "The document has no contents beside its header."
	unknownLabel     = "The document restricts who may see this in a way that is not known here: %s."
	restricted       = "The document is restricted, but does not say for what reason."
	valueMissing     = "The document gives no value."
	valueUnreadable  = "The value in the document cannot be read."
	severityWhere    = "The document rates the severity of the allergy as a whole, not of a reaction."
	bodyTooLarge     = "The file in the document has more than %d MB and was not taken out."
	bodyUnreadable   = "The file in the document cannot be read."
)
