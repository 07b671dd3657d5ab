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
	unknownLabel     = "The document restricts who may see this in a way that is not known here: %s. It is held as closely as records of substance use until somebody says what it is."
	restricted       = "The document is restricted and does not say why. It is held as closely as records of substance use until somebody says what it is."
	keptAsLabels     = "This says who may see the document. It is kept as labels."
	notKnown         = "The document says that it is not known."
	valueMissing     = "The document gives no value."
	valueUnreadable  = "The value in the document cannot be read."
	severityWhere    = "The document rates the severity of the allergy as a whole, not of a reaction."
	bodyElsewhere    = "The contents of the document are in a file of its own, which was not sent with it."
	bodyUnreadable   = "The file in the document cannot be read."
)
