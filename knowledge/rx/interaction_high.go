package rx

import "github.com/osler-emr/osler/knowledge/drug"

const onc = "Phansalkar et al. 2012, High-priority drug-drug interactions for use in electronic health records, JAMIA 19:735 (PMC3422823)"

// highPriority holds the 15 pairs that the panel of the ONC accepted. Each has a test.
var highPriority = []pair{
	{id: "ONC-01", tier: Stop, a: group{classes: "stimulant,atomoxetine"}, b: group{classes: "maoi,oxazolidinone"}, title: "Hypertensive crisis", effect: "{a} with {b}, a monoamine oxidase inhibitor, can cause a hypertensive crisis.", evidence: "high priority", source: onc},
	{id: "ONC-02", tier: Stop, a: group{names: "atazanavir"}, b: group{classes: "proton-pump-inhibitor"}, title: "HIV treatment may fail", effect: "{b} lowers the absorption of {a}; the treatment of HIV may fail.", evidence: "high priority", source: onc},
	{id: "ONC-03", tier: Stop, a: group{names: "febuxostat"}, b: group{classes: "thiopurine"}, title: "Bone marrow toxicity", effect: "{a} blocks the breakdown of {b}; it can reach toxic levels and suppress the bone marrow.", evidence: "high priority", source: onc},
	{id: "ONC-04", tier: Stop, a: group{classes: "ssri,snri"}, b: group{classes: "maoi,oxazolidinone"}, title: "Serotonin syndrome", effect: "{a} with {b}, a monoamine oxidase inhibitor, can cause serotonin syndrome.", evidence: "high priority", source: onc},
	{id: "ONC-05", tier: Stop, a: group{names: "irinotecan"}, b: group{flags: drug.StrongCYP3A4Inhibitor}, title: "Irinotecan toxicity", effect: "{b} blocks the breakdown of {a}; severe toxicity.", evidence: "high priority", source: onc},
	{id: "ONC-06", tier: Stop, a: group{names: "meperidine,tramadol,methadone,fentanyl,dextromethorphan"}, b: group{classes: "maoi"}, title: "Serotonin syndrome", effect: "{a} with {b}, a monoamine oxidase inhibitor, can cause a severe, even fatal reaction.", evidence: "high priority", source: onc},
	{id: "ONC-07", tier: Stop, a: group{classes: "tricyclic"}, b: group{classes: "maoi,oxazolidinone"}, title: "Serotonin syndrome", effect: "{a} with {b}, a monoamine oxidase inhibitor, can cause serotonin syndrome or hypertensive crisis.", evidence: "high priority", source: onc},
	{id: "ONC-08", tier: Stop, a: group{flags: drug.HighQT}, b: group{flags: drug.HighQT}, title: "Dangerous heart rhythm (QT)", effect: "{a} and {b} both prolong the QT interval strongly; torsades de pointes.", evidence: "high priority", source: onc},
	{id: "ONC-09", tier: Stop, a: group{names: "ramelteon"}, b: group{flags: drug.StrongCYP1A2Inhibitor}, title: "Ramelteon level rises", effect: "{b} raises the level of {a} many times.", evidence: "high priority", source: onc},
	{id: "ONC-10", tier: Stop, a: group{classes: "protease-inhibitor"}, b: group{flags: drug.StrongCYP3A4Inducer}, title: "HIV treatment may fail", effect: "{b} lowers the level of {a}; the treatment may fail and resistance may form.", evidence: "high priority", source: onc},
	{id: "ONC-11", tier: Stop, a: group{names: "simvastatin,lovastatin"}, b: group{classes: "protease-inhibitor", names: "erythromycin", flags: drug.StrongCYP3A4Inhibitor}, title: "Muscle damage", effect: "{b} raises the level of {a}; rhabdomyolysis.", evidence: "high priority", source: onc},
	{id: "ONC-12", tier: Stop, a: group{classes: "ergot"}, b: group{classes: "protease-inhibitor", names: "erythromycin", flags: drug.StrongCYP3A4Inhibitor}, title: "Ergotism", effect: "{b} raises the level of {a}; vessels can close (ergotism).", evidence: "high priority", source: onc},
	{id: "ONC-13", tier: Stop, a: group{names: "tizanidine"}, b: group{flags: drug.CYP1A2Inhibitor}, title: "Severe low blood pressure", effect: "{b} raises the level of {a} many times; low blood pressure and sedation.", evidence: "high priority", source: onc},
	{id: "ONC-14", tier: Stop, a: group{names: "tranylcypromine"}, b: group{names: "procarbazine"}, title: "Hypertensive crisis", effect: "{a} with {b}: two monoamine oxidase inhibitors; hypertensive crisis.", evidence: "high priority", source: onc},
	{id: "ONC-15", tier: Stop, a: group{classes: "triptan"}, b: group{classes: "maoi"}, title: "Serotonin syndrome", effect: "{b} raises the level of {a}; serotonin syndrome and narrowed vessels.", evidence: "high priority", source: onc},
}

// labelPairs are contraindicated by FDA labels though the panel did not list them.
var labelPairs = []pair{
	{id: "LBL-NITRATE", tier: Stop, a: group{classes: "pde5-inhibitor"}, b: group{classes: "nitrate"}, title: "Sudden low blood pressure", effect: "{a} with {b} can drop the blood pressure to a dangerous level.", evidence: "label contraindication", source: "FDA label Viagra, section 4.1"},
	{id: "LBL-GEMFIBROZIL", tier: Stop, a: group{names: "simvastatin"}, b: group{names: "gemfibrozil,cyclosporine"}, title: "Muscle damage", effect: "{b} raises the level of {a}; the label rules the pair out.", evidence: "label contraindication", source: "FDA label Zocor, section 4"},
	{id: "LBL-SACUBITRIL", tier: Stop, a: group{names: "sacubitril"}, b: group{classes: "ace-inhibitor"}, title: "Angioedema", effect: "{a} within 36 hours of {b} can cause angioedema.", evidence: "label contraindication", source: "FDA label Entresto, section 4"},
	{id: "LBL-OPIOID-MAOI", tier: Stop, a: group{classes: "opioid"}, b: group{classes: "maoi"}, title: "Serotonin syndrome", effect: "{a} within 14 days of {b}: serotonin syndrome or deep sedation.", evidence: "label contraindication", source: "FDA labels of opioids, sections 4 and 7"},
	{id: "LBL-NALTREXONE", tier: Stop, a: group{names: "naltrexone"}, b: group{classes: "opioid"}, title: "Opioid withdrawal", effect: "{a} causes sudden withdrawal in someone who takes {b}.", evidence: "label contraindication", source: "FDA label naltrexone, section 4"},
	{id: "LBL-COLCHICINE", tier: Stop, a: group{names: "colchicine"}, b: group{flags: drug.StrongCYP3A4Inhibitor, names: "cyclosporine"}, title: "Colchicine toxicity", effect: "{b} raises the level of {a}; deaths have been reported, above all with poor kidneys.", evidence: "label contraindication", source: "FDA label Colcrys, sections 4 and 7"},
	{id: "LBL-BUPROPION-MAOI", tier: Stop, a: group{names: "bupropion,buspirone,methylphenidate,pseudoephedrine"}, b: group{classes: "maoi"}, title: "Hypertensive crisis", effect: "{a} with {b}, a monoamine oxidase inhibitor, can cause a hypertensive crisis.", evidence: "label contraindication", source: "FDA label Wellbutrin XL, section 4"},
	{id: "LBL-QT-FLUCONAZOLE", tier: Stop, a: group{names: "fluconazole,itraconazole,ketoconazole"}, b: group{names: "erythromycin,quinidine,pimozide,astemizole"}, title: "Dangerous heart rhythm (QT)", effect: "{a} raises the level of {b}, which prolongs the QT interval.", evidence: "label contraindication", source: "FDA label Diflucan, section 4"},
	{id: "LBL-CITALOPRAM-PIMOZIDE", tier: Stop, a: group{names: "citalopram,escitalopram,sertraline,paroxetine"}, b: group{names: "pimozide,thioridazine"}, title: "Dangerous heart rhythm (QT)", effect: "{a} with {b} is ruled out by the label.", evidence: "label contraindication", source: "FDA label Celexa, section 4"},
	{id: "LBL-DOFETILIDE", tier: Stop, a: group{names: "dofetilide"}, b: group{names: "hydrochlorothiazide,trimethoprim,verapamil,ketoconazole,chlorthalidone,indapamide"}, title: "Dangerous heart rhythm (QT)", effect: "{b} raises the level of {a} or lowers potassium; ruled out by the label.", evidence: "label contraindication", source: "FDA label Tikosyn, section 4"},
}
