package label

// table says which codes are sensitive, one rule a line:
//
//	label | system | codes, or beginnings of codes with * | source
//
// A code may have several labels. ICD-10-CM chapters and sections are public (CDC/NCHS);
// SNOMED CT, LOINC and RxNorm codes are named singly, and those of
// the catalogues of problems and medicines are added by their ICD-10-CM codes and names.
const table = `
ETH|icd|F10* F11* F12* F13* F14* F15* F16* F18* F19* K70* G31.2 G62.1 I42.6 K29.2* K85.2* K86.0 O99.31* O99.32* P04.4* P96.1 R78.0 R78.1 R78.2 R78.3 T40.0* T40.1* T40.2* T40.3* T40.4* T40.6* T40.5* T40.7* T40.8* Z71.4* Z71.5* Z81.1 Z81.2 Z81.3 Z81.4|ICD-10-CM 2026, F10-F19 without F17, and diagnoses that name alcohol or drugs
SUD|icd|F10.1* F10.2* F11.1* F11.2* F12.1* F12.2* F13.1* F13.2* F14.1* F14.2* F15.1* F15.2* F16.1* F16.2* F18.1* F18.2* F19.1* F19.2*|ICD-10-CM 2026, abuse and dependence
ETHUD|icd|F10*|ICD-10-CM 2026
OPIOIDUD|icd|F11*|ICD-10-CM 2026
PSY|icd|F20* F21* F22* F23* F24* F25* F28* F29* F30* F31* F32* F33* F34* F39* F40* F41* F42* F43* F44* F45* F48* F50* F53* F60* F63* F64* F65* F66* F68* F69* F84* F90* F91* F92* F93* F94* O90.6 O99.34* R45.85* T14.91* Z13.3* Z62.81* Z65.8 Z91.5*|ICD-10-CM 2026, chapter 5 without substances, dementia and development
HIV|icd|B20* B97.35 O98.7* R75* Z11.4 Z20.6 Z21* Z29.81 Z71.7 Z79.69|ICD-10-CM 2026
STD|icd|A50* A51* A52* A53* A54* A55* A56* A57* A58* A59* A60* A63* A64* B37.3* O98.1* O98.2* O98.3* Z11.3 Z20.2 Z22.4|ICD-10-CM 2026, A50-A64
SEX|icd|A50* A51* A52* A53* A54* A55* A56* A57* A58* A59* A60* A63* A64* F52* F64* N46* N52* N97* O02.1 O03* O04* O07* O08* Z30* Z31* Z32* Z33.2 Z64.0 Z70* Z72.5* Z11.3 Z20.2 Z87.890|ICD-10-CM 2026, sexual health, contraception, termination and fertility
SDV|icd|T74* T76* Y07* Z04.4* Z04.7* Z69* N90.81* O9A.3* O9A.4* O9A.5* Z62.810 Z62.811 Z91.41*|ICD-10-CM 2026, abuse and violence
GDIS|icd|Z13.7* Z14* Z15* Z31.43* Z31.5 Z84.81 Z84.82 G10 D57* E70* E75* E84* D66 D67 Q85.0* Q90* Q96* Q98* Q99*|ICD-10-CM 2026, genetic disease, carriers and susceptibility

ETH|snomed|41309000 145121000119106 425741009 7200002 66590003 15167005 191816009 26416006 66214007 75544000 5602001 31956009 85005007 78267003 37344009|SNOMED CT: alcohol and drug abuse and dependence
SUD|snomed|145121000119106 425741009 7200002 66590003 15167005 191816009 26416006 66214007 75544000 5602001 31956009 85005007 78267003 37344009|SNOMED CT: abuse and dependence
ETHUD|snomed|7200002 66590003 15167005|SNOMED CT: alcohol dependence and abuse
OPIOIDUD|snomed|145121000119106 425741009 75544000 5602001|SNOMED CT: opioid dependence and abuse
PSY|snomed|35489007 370143000 36923009 66344007 310495003 78667006 48694002 21897009 197480006 47505003 58214004 69322001 191736004 72366004 78004001 56882008 406506008 13746004 371631005 17226007 20010003 6471006 82313006 58703003 76105009 231504006 61569007 25501002 408856003 35919005|SNOMED CT: mood, anxiety, psychosis, eating, attention, personality, self-harm
HIV|snomed|86406008 91947003 62479008 165816005 111880001 31676001|SNOMED CT: HIV infection and tests
STD|snomed|8098009 15628003 76272004 105629000 33839006 266113007 56335008|SNOMED CT: sexually transmitted infections
SEX|snomed|8098009 15628003 76272004 105629000 33839006 266113007 56335008 57797005 17369002 13197004 397803000 860914002 93461009 8619003 6738008 2904007|SNOMED CT: sexually transmitted infections, contraception, termination, fertility, function and identity
SDV|snomed|397940009 95922009|SNOMED CT: abuse
GDIS|snomed|58756001 127040003 190905008 417357006 92824003 41040004 38804009 40108008 412734009 412738007|SNOMED CT: genetic disease, carriers, susceptibility

ETH|loinc|5640-8 5643-2 5645-7 72109-2 75626-2 82667-7 3390-2 3397-7 3349-8 3879-4 19295-5 3426-4 3427-2 3936-2 3773-9|LOINC: alcohol and drugs of abuse in blood and urine, AUDIT-C, DAST-10
PSY|loinc|44249-1 44261-6 55757-9 55758-7 69737-5 70274-6 71354-5 89204-2 89206-7 73831-0 73832-8 93373-9 3719-2 14334-7 11527-7 34788-0|LOINC: PHQ, GAD-7, EPDS, suicide risk, lithium level, psychiatry notes
HIV|loinc|5220-9 7917-8 7918-6 29893-5 48345-3 56888-1 58900-2 75622-1 20447-9 21008-8 25835-0 25836-8 24467-3 8122-8|LOINC: HIV tests, viral load, CD4
STD|loinc|20507-0 22461-8 22462-6 31147-2 5292-8 11084-1 43304-5 43305-2 21613-5 24111-7 50387-0 50388-8 36902-5 36903-3|LOINC: syphilis, chlamydia, gonorrhoea
SEX|loinc|20507-0 22461-8 22462-6 31147-2 5292-8 11084-1 43304-5 43305-2 21613-5 24111-7 50387-0 50388-8 36902-5 36903-3 2106-3 2110-5 2118-8 19080-1 21198-7 76690-7|LOINC: sexually transmitted infections, pregnancy tests, orientation
GDIS|loinc|21636-6 38530-8 59041-4 51963-7 51969-4 81247-9 55233-1|LOINC: genetic tests and reports
`

// medicines says which active substances are sensitive, by the names of knowledge/drug and
// others that it does not list yet:
//
//	labels | RxNorm codes beside the ingredients of knowledge/drug, or - | names | source
//
// Codes of clinical drugs stand there for medicines of 42 CFR Part 2 alone: a prescription may come
// with the code and no name. They are held to the value set Opiate Antagonists of the CMS measures.
const medicines = `
SUD ETH OPIOIDUD|1819 6813 7243 351264 351265 351266 351267 352364 1010600 1010601 1010604 1010605 1307056 1307057 1307061 1307062 1431076 1431102 1542390 1544851 1544854 1597568 1597573 637213 1483744|buprenorphine, methadone, naltrexone, lofexidine, levomethadyl, suboxone, subutex, zubsolv, bunavail, sublocade, brixadi, probuphine, cassipa, vivitrol, revia, lucemyra, methadose, dolophine, buprenorphine / naloxone|FDA labels: treatment of opioid dependence; 42 CFR Part 2
SUD ETH ETHUD|3554 82819 7243 197623 197624 835726 637213 1483744|disulfiram, acamprosate, naltrexone, nalmefene tablet, antabuse, campral, vivitrol, revia, calcium carbimide|FDA and EMA labels: treatment of alcohol dependence
ETH|7242|naloxone, narcan, kloxxado, evzio, nalmefene, opvee|FDA labels: overdose of opioids
PSY|-|sertraline, fluoxetine, citalopram, escitalopram, paroxetine, fluvoxamine, venlafaxine, desvenlafaxine, vilazodone, vortioxetine, mirtazapine, lithium, quetiapine, olanzapine, risperidone, aripiprazole, ziprasidone, paliperidone, lurasidone, asenapine, brexpiprazole, cariprazine, clozapine, haloperidol, chlorpromazine, fluphenazine, perphenazine, thioridazine, loxapine, thiothixene, trifluoperazine, lumateperone, pimavanserin, imipramine, clomipramine, phenelzine, tranylcypromine, isocarboxazid, selegiline patch, buspirone, esketamine, zoloft, prozac, celexa, lexapro, paxil, effexor, pristiq, lithobid, seroquel, zyprexa, risperdal, abilify, geodon, latuda, clozaril, haldol, invega, spravato|FDA labels: depression, bipolar disorder, psychosis
HIV|-|abacavir, atazanavir, bictegravir, cabotegravir, cobicistat, darunavir, didanosine, dolutegravir, doravirine, efavirenz, elvitegravir, emtricitabine, enfuvirtide, etravirine, fosamprenavir, fostemsavir, ibalizumab, indinavir, islatravir, lamivudine, lenacapavir, lopinavir, maraviroc, nelfinavir, nevirapine, raltegravir, rilpivirine, ritonavir, saquinavir, stavudine, tenofovir, tenofovir disoproxil, tenofovir alafenamide, tipranavir, zidovudine, biktarvy, genvoya, stribild, atripla, triumeq, dovato, juluca, odefsey, complera, descovy, truvada, symtuza, prezista, prezcobix, isentress, tivicay, kaletra, epzicom, trizivir, combivir, cabenuva, apretude, sunlenca, symfi, cimduo, delstrigo, pifeltro, rukobia, edurant, intelence, reyataz, evotaz, norvir, viread|FDA labels: treatment and prevention of HIV
SEX|-|levonorgestrel, norethindrone, norgestimate, norgestrel, drospirenone, desogestrel, etonogestrel, ethinyl estradiol, ulipristal, mifepristone, misoprostol, medroxyprogesterone, norelgestromin, segesterone, clomiphene, letrozole fertility, follitropin, choriogonadotropin, ganirelix, cetrorelix, sildenafil, tadalafil, vardenafil, avanafil, alprostadil, flibanserin, plan b, ella, mifeprex, nexplanon, mirena, kyleena, liletta, skyla, nuvaring, depo-provera, viagra, cialis|FDA labels: contraception, termination, fertility, sexual function
GDIS|-|ivacaftor, lumacaftor, tezacaftor, elexacaftor, nusinersen, onasemnogene abeparvovec, risdiplam, imiglucerase, agalsidase, eculizumab pnh, voretigene neparvovec, trikafta, kalydeco, orkambi, symdeko, spinraza, zolgensma, evrysdi|FDA labels: genetic diseases
`
