package drug

import "strings"

// Schedule is a schedule of the United States' Controlled Substances Act: "II" to "V" for what is
// prescribed, "" for what is not controlled.
type Schedule string

// scheduled names the substances by their schedule (21 CFR 1308.12 to 1308.15, as of 2026), also
// those that the catalogue does not hold: a medicine is recognised by its name alone. Where
// products of one substance stand in several schedules, it is the strictest; testosterone and
// others are named with what they are written as.
var scheduled = map[Schedule]string{
	"II": `alfentanil amobarbital amphetamine cocaine codeine dexmethylphenidate dextroamphetamine dexamfetamine
		dihydrocodeine ethylmorphine fentanyl hydrocodone hydromorphone levorphanol lisdexamfetamine lisdexamphetamine
		meperidine pethidine methadone methamphetamine methylphenidate morphine nabilone oliceridine opium oxycodone
		oxymorphone pentobarbital remifentanil secobarbital serdexmethylphenidate sufentanil tapentadol
		adderall vyvanse ritalin concerta focalin dexedrine evekeo percocet norco vicodin nucynta opana demerol duramorph`,
	"III": `benzphetamine buprenorphine butabarbital butalbital dronabinol esketamine ketamine methyltestosterone
		nandrolone oxandrolone oxymetholone perampanel phendimetrazine testosterone thiopental oxybate
		suboxone subutex sublocade spravato xyrem androgel fioricet marinol fycompa`,
	"IV": `alprazolam armodafinil butorphanol carisoprodol chlordiazepoxide clobazam clonazepam clorazepate daridorexant
		diazepam diethylpropion estazolam eszopiclone fenfluramine flurazepam halazepam lemborexant lorazepam lorcaserin
		mazindol meprobamate methohexital midazolam modafinil oxazepam pentazocine phenobarbital phentermine quazepam
		remimazolam sibutramine solriamfetol suvorexant temazepam tramadol triazolam zaleplon zolpidem zopiclone
		zuranolone brexanolone eluxadoline xanax ativan klonopin valium ambien lunesta soma provigil nuvigil`,
	"V": `brivaracetam cenobamate diphenoxylate ezogabine ganaxolone lacosamide lasmiditan pregabalin lomotil lyrica
		vimpat briviact xcopri reyvow`,
}

var scheduleOf = func() map[string]Schedule {
	out := map[string]Schedule{}
	for s, names := range scheduled {
		for _, n := range strings.Fields(names) {
			out[n] = s
		}
	}
	return out
}()

// ScheduleOf returns the strictest schedule of what a medicine contains, by its text and codes. It
// would rather say that something is controlled than miss it: one name in the text is enough.
func ScheduleOf(text string, codings []Coding) Schedule {
	var strictest Schedule
	see := func(words string) {
		for _, w := range strings.FieldsFunc(strings.ToLower(words), func(r rune) bool { return r < 'a' || r > 'z' }) {
			if s := scheduleOf[w]; s != "" && (strictest == "" || rank(s) < rank(strictest)) {
				strictest = s
			}
		}
	}
	see(text)
	for _, c := range codings {
		see(c.Display)
	}
	found, _ := Recognise(text, codings) // trade names and codes
	for _, i := range found {
		see(i.Name)
	}
	return strictest
}

func rank(s Schedule) int { return strings.Index("II  III IV  V   ", string(s)+" ") }
