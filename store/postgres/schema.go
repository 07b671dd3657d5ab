package postgres

import "strings"

// step is one migration. A step that has shipped is never changed: its checksum is stored.
type step struct {
	name string
	sql  string
}

// partitioned stands behind the tables that hold rows of patients. The schema test puts
// PARTITION BY HASH (patient) there: PostgreSQL then refuses every key without the column.
const partitioned = "/* by patient */"

// steps are the migrations, in order.
//
// Texts are bytea: they sort byte by byte under any collation of the database, as they do in
// SQLite, and hold every character. What may be long is indexed by its head (sqlgen.Head).
var steps = []step{
	{"first", `
CREATE TABLE meta (key bytea PRIMARY KEY, value bytea NOT NULL);
-- The one row that a commit locks: the last T, its time, and the last numbers given away.
-- params counts the changes of the table param; mark is the key of the last group (outcome).
CREATE TABLE head (one int2 PRIMARY KEY CHECK (one = 1), t int8 NOT NULL, at int8 NOT NULL, params int8 NOT NULL,
  param int8 NOT NULL, dict int8 NOT NULL, entity int8 NOT NULL, patient int8 NOT NULL, history int8 NOT NULL, mark bytea NOT NULL);
INSERT INTO head VALUES (1, 0, 0, 0, 0, 0, 0, 0, 0, '');

-- The vocabulary. A param with name '' is a resource type; flags say which tables hold its values.
CREATE TABLE param (no int4 PRIMARY KEY, type bytea NOT NULL, name bytea NOT NULL, flags int4 NOT NULL, UNIQUE (type, name));
CREATE TABLE dict (no int4 PRIMARY KEY, param int4 NOT NULL, system bytea NOT NULL, code bytea NOT NULL);
CREATE UNIQUE INDEX dict_word ON dict (param, sha256(system || '\x00'::bytea || code));
CREATE INDEX dict_code ON dict (param, substring(code from 1 for 400));
CREATE INDEX dict_system ON dict (param, substring(system from 1 for 400));

-- A patient's compartment: its number, the next row in it and the T of its last change.
CREATE TABLE patient (no int4 PRIMARY KEY, id bytea NOT NULL UNIQUE, next int4 NOT NULL, changed int8 NOT NULL);
-- Everything that is stored or referred to; rid is NULL for what was only referred to.
CREATE TABLE entity (no int8 NOT NULL, id bytea NOT NULL, type int4 NOT NULL, patient int4, rid int8, PRIMARY KEY (id, type));
CREATE INDEX entity_no ON entity (no);

CREATE TABLE resource (
  patient int4 NOT NULL, rid int8 NOT NULL, type int4 NOT NULL, deleted int2 NOT NULL, t int8 NOT NULL, updated int8 NOT NULL, version int8 NOT NULL,
  id bytea NOT NULL, has bytea NOT NULL, codec int2 NOT NULL, body bytea NOT NULL, PRIMARY KEY (patient, rid)) /* by patient */;
ALTER TABLE resource ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX resource_type ON resource (type, patient, rid) WHERE deleted = 0;
CREATE INDEX resource_updated ON resource (type, updated) WHERE deleted = 0;
CREATE INDEX resource_t ON resource (t);

CREATE TABLE history (
  no int8 NOT NULL, patient int4 NOT NULL, rid int8 NOT NULL, type int4 NOT NULL, deleted int2 NOT NULL, t int8 NOT NULL, until int8 NOT NULL,
  updated int8 NOT NULL, version int8 NOT NULL, id bytea NOT NULL, codec int2 NOT NULL, body bytea NOT NULL, PRIMARY KEY (patient, no)) /* by patient */;
ALTER TABLE history ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX history_no ON history (no);
CREATE INDEX history_id ON history (id, type, version);
CREATE INDEX history_rid ON history (patient, rid, until);
CREATE INDEX history_until ON history (until);
CREATE INDEX history_t ON history (t);

-- The index: the key is the search.
CREATE TABLE tok (k int4 NOT NULL, patient int4 NOT NULL, rid int8 NOT NULL, PRIMARY KEY (k, patient, rid)) /* by patient */;
CREATE TABLE ident (p int4 NOT NULL, patient int4 NOT NULL, rid int8 NOT NULL, sys int4 NOT NULL, typ int4 NOT NULL, value bytea NOT NULL) /* by patient */;
CREATE INDEX ident_value ON ident (p, substring(value from 1 for 400), patient, rid);
CREATE TABLE ref (e int8 NOT NULL, p int4 NOT NULL, patient int4 NOT NULL, rid int8 NOT NULL, PRIMARY KEY (e, p, patient, rid)) /* by patient */;
CREATE TABLE dat (p int4 NOT NULL, patient int4 NOT NULL, rid int8 NOT NULL, lo int8 NOT NULL, hi int8 NOT NULL, PRIMARY KEY (p, patient, rid, lo, hi)) /* by patient */;
CREATE INDEX dat_lo ON dat (p, lo, hi) INCLUDE (patient, rid);
CREATE INDEX dat_hi ON dat (p, hi, lo) INCLUDE (patient, rid);
CREATE TABLE str (p int4 NOT NULL, patient int4 NOT NULL, rid int8 NOT NULL, norm bytea NOT NULL, exact bytea NOT NULL) /* by patient */;
CREATE INDEX str_rid ON str (p, patient, rid);
CREATE INDEX str_norm ON str (p, substring(norm from 1 for 400));
CREATE TABLE qty (p int4 NOT NULL, patient int4 NOT NULL, rid int8 NOT NULL, v float8 NOT NULL, lo float8 NOT NULL, hi float8 NOT NULL, unit int4 NOT NULL, label int4 NOT NULL) /* by patient */;
CREATE INDEX qty_rid ON qty (p, patient, rid);
CREATE INDEX qty_lo ON qty (p, lo, hi) INCLUDE (patient, rid);
CREATE TABLE uri (p int4 NOT NULL, patient int4 NOT NULL, rid int8 NOT NULL, value bytea NOT NULL) /* by patient */;
CREATE INDEX uri_value ON uri (p, substring(value from 1 for 400), patient, rid);
-- One row for each combination of the parts' values in one element: k a code or a reference,
-- lo and hi a date, ql, qh and l an amount and its printed unit, s and v texts.
CREATE TABLE comp (
  p int4 NOT NULL, k0 int8 NOT NULL, patient int4 NOT NULL, rid int8 NOT NULL, n int4 NOT NULL,
  lo0 int8, hi0 int8, ql0 float8, qh0 float8, l0 int4, v0 bytea, s0 bytea,
  k1 int8, lo1 int8, hi1 int8, ql1 float8, qh1 float8, l1 int4, v1 bytea, s1 bytea,
  k2 int8, lo2 int8, hi2 int8, ql2 float8, qh2 float8, l2 int4, v2 bytea, s2 bytea,
  PRIMARY KEY (p, k0, patient, rid, n)) /* by patient */;

CREATE TABLE item (space bytea NOT NULL, key bytea NOT NULL, owner bytea NOT NULL, value bytea NOT NULL, version int8 NOT NULL, expires int8 NOT NULL, PRIMARY KEY (space, key));
CREATE INDEX item_owner ON item (space, owner);
CREATE INDEX item_expires ON item (expires) WHERE expires > 0;
-- once remembers the keys of changesets, outcome those of groups.
CREATE TABLE once (key bytea PRIMARY KEY, t int8 NOT NULL, at int8 NOT NULL);
CREATE INDEX once_at ON once (at);
CREATE TABLE outcome (key bytea PRIMARY KEY, at int8 NOT NULL);
CREATE INDEX outcome_at ON outcome (at);

-- The audit log: leaf t has index t-1.
CREATE TABLE leaf (t int8 PRIMARY KEY, at int8 NOT NULL, actor bytea NOT NULL, action bytea NOT NULL, body bytea NOT NULL);
ALTER TABLE leaf ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX leaf_actor ON leaf (actor, t);
CREATE TABLE leaf_patient (patient bytea NOT NULL, t int8 NOT NULL, PRIMARY KEY (patient, t));
CREATE TABLE hash (no int8 PRIMARY KEY, hash bytea NOT NULL);
CREATE TABLE checkpoint (size int8 PRIMARY KEY, at int8 NOT NULL, note bytea NOT NULL);
`},
	{"patient keys", `
-- The keys of patients, by generation, each wrapped by a key of the table kek. Generation 0 stands
-- for a patient whose keys were destroyed.
CREATE TABLE kek (no int8 PRIMARY KEY, key bytea NOT NULL, at int8 NOT NULL);
CREATE TABLE patient_key (no int4 NOT NULL, gen int2 NOT NULL, kek int8 NOT NULL, key bytea NOT NULL, PRIMARY KEY (no, gen));
CREATE INDEX patient_key_kek ON patient_key (kek);
ALTER TABLE item ADD COLUMN patient bytea NOT NULL DEFAULT '';
CREATE INDEX item_patient ON item (patient) WHERE patient <> '';
`},
	{"dictionary", `
-- From here on, bodies are compressed with a dictionary (store/packed), which programs of before do not have.
`},
	{"log blocks", `
-- Who did what, and how it ended, of every 4,096 entries of the audit log (store/packed). It is made
-- from the log after the upgrade, while the record is used.
CREATE TABLE leaf_block (no int8 PRIMARY KEY, kinds bytea NOT NULL, body bytea NOT NULL);
`},
	{"quick bodies", `
-- From here on, bodies are written with a codec (store/packed) that programs of before do not have.
`},
}

// statements returns the SQL of a step; partitions above 0 split the tables of patients.
func (s step) statements(partitions int) string {
	if partitions == 0 {
		return s.sql
	}
	return strings.ReplaceAll(s.sql, partitioned, "PARTITION BY HASH (patient)")
}

// Distributed are the tables that hold rows of patients.
var distributed = []string{"resource", "history", "tok", "ident", "ref", "dat", "str", "qty", "uri", "comp"}
