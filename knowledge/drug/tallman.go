package drug

import "strings"

// tallMan lists look-alike names written with some capitals, so that the part in which
// they differ stands out. "FDA" is the FDA name differentiation project; "CD3" applies the
// rule of the first differing letters to pairs of this catalogue.
var tallMan = map[string]string{
	// FDA
	"acetohexamide": "acetoHEXAMIDE", "acetazolamide": "acetaZOLAMIDE", "bupropion": "buPROPion", "buspirone": "busPIRone",
	"chlorpromazine": "chlorproMAZINE", "chlorpropamide": "chlorproPAMIDE", "clomiphene": "clomiPHENE", "clomipramine": "clomiPRAMINE",
	"cyclosporine": "cycloSPORINE", "cycloserine": "cycloSERINE", "daunorubicin": "DAUNOrubicin", "doxorubicin": "DOXOrubicin",
	"dimenhydrinate": "dimenhyDRINATE", "diphenhydramine": "diphenhydrAMINE", "dobutamine": "DOBUTamine", "dopamine": "DOPamine",
	"glipizide": "glipiZIDE", "glyburide": "glyBURIDE", "hydralazine": "hydrALAZINE", "hydroxyzine": "hydrOXYzine", "hydromorphone": "HYDROmorphone",
	"medroxyprogesterone": "medroxyPROGESTERone", "methylprednisolone": "methylPREDNISolone", "methyltestosterone": "methylTESTOSTERone",
	"mitoxantrone": "mitoXANTRONE", "nicardipine": "niCARdipine", "nifedipine": "NIFEdipine", "prednisolone": "prednisoLONE", "prednisone": "predniSONE",
	"risperidone": "risperiDONE", "ropinirole": "rOPINIRole", "sulfadiazine": "sulfADIAZINE", "sulfisoxazole": "sulfiSOXAZOLE",
	"tolazamide": "TOLAZamide", "tolbutamide": "TOLBUTamide", "vinblastine": "vinBLAStine", "vincristine": "vinCRIStine",
	// CD3
	"metformin": "metFORMIN", "metronidazole": "metroNIDAZOLE", "cephalexin": "cePHALexin", "cefalexin": "cefALEXin",
	"tramadol": "traMADol", "trazodone": "traZODone", "lamotrigine": "lamoTRIgine", "hydrochlorothiazide": "hydroCHLOROthiazide",
	"hydrocodone": "HYDROcodone", "oxycodone": "oxyCODONE", "carbamazepine": "carBAMazepine", "clonazepam": "clonazePAM",
	"lorazepam": "LORazepam", "alprazolam": "ALPRAZolam", "clonidine": "cloNIDine", "fluoxetine": "FLUoxetine", "duloxetine": "DULoxetine",
	"paroxetine": "PARoxetine", "quetiapine": "QUEtiapine", "olanzapine": "OLANZapine", "sitagliptin": "SITagliptin", "sumatriptan": "SUMAtriptan",
	"zolmitriptan": "ZOLMitriptan", "tizanidine": "tiZANidine", "levetiracetam": "levETIRAcetam", "levofloxacin": "levoFLOXacin",
	"valacyclovir": "valACYclovir",
}

// TallMan writes a generic name in lower case with tall-man letters where the list has it,
// each word and each part of a combination on its own.
func TallMan(generic string) string {
	var b strings.Builder
	start := 0
	s := strings.ToLower(generic)
	flush := func(end int) {
		w := s[start:end]
		if t, ok := tallMan[w]; ok {
			w = t
		}
		b.WriteString(w)
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == ' ' || c == '/' || c == '-' {
			flush(i)
			b.WriteByte(c)
			start = i + 1
		}
	}
	flush(len(s))
	return b.String()
}
