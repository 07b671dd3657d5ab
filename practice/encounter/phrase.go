package encounter

// phrases are short texts behind a point. They are written for this program: plain, to be
// edited, with ___ where a person must fill in. None states a finding that was not made.
var phrases = []Suggestion{
	{Word: "ros", Title: "Review of symptoms", Text: "No fever. No weight loss. No chest pain. No short breath. ___"},
	{Word: "well", Title: "Feels well", Text: "Feels well. No new symptoms. Takes medicines as prescribed: ___"},
	{Word: "exam", Title: "General examination", Text: "Looks well. Heart: regular, no murmur. Lungs: clear. Abdomen: soft, not tender. Legs: no oedema."},
	{Word: "heart", Title: "Heart and lungs", Text: "Heart: regular, no murmur. Lungs: clear on both sides. Legs: no oedema."},
	{Word: "lungs", Title: "Lungs", Text: "Lungs: clear on both sides, no wheeze, no crackles."},
	{Word: "throat", Title: "Throat", Text: "Throat: ___. Tonsils: ___. Neck nodes: ___"},
	{Word: "ears", Title: "Ears", Text: "Right ear drum: ___. Left ear drum: ___"},
	{Word: "abdomen", Title: "Abdomen", Text: "Abdomen: soft, not tender, no mass. No flank tenderness."},
	{Word: "feet", Title: "Diabetic feet", Text: "Feet: skin ___. Pulses ___. 10 g filament felt ___ of 10."},
	{Word: "back", Title: "Back", Text: "Back: ___. Straight leg raise ___. Strength and feeling of the legs ___"},
	{Word: "mood", Title: "Mood", Text: "Mood ___. Sleep ___. No thoughts of self-harm."},
	{Word: "htn", Title: "Hypertension plan", Text: "Target below ___. Continue ___. Home readings twice a day for one week before the next visit. Recheck in ___ weeks."},
	{Word: "dm", Title: "Diabetes plan", Text: "HbA1c target ___. Continue ___. HbA1c in 3 months. Eyes ___, feet ___, kidneys ___."},
	{Word: "kstop", Title: "High potassium", Text: "Stop anti-inflammatory pain killers. Recheck potassium in 1 week. Call at once for weakness or palpitations."},
	{Word: "uri", Title: "Cold advice", Text: "Likely viral. Rest, fluids, paracetamol as needed. Come back for fever above 39 °C, short breath, or if not better in 10 days."},
	{Word: "uti", Title: "Cystitis advice", Text: "Drink well. Call for fever, flank pain, or if not better in 2 days."},
	{Word: "backpain", Title: "Back pain advice", Text: "No warning signs. Stay active, heat, simple pain relief. Come at once for numbness in the groin, weakness, or trouble passing urine."},
	{Word: "back4", Title: "Back in 4 weeks", Text: "Back in 4 weeks, sooner if worse."},
	{Word: "back3m", Title: "Back in 3 months", Text: "Back in 3 months, sooner if worse."},
}
