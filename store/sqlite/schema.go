package sqlite

// step is one migration. A step that has shipped is never changed: its checksum is stored.
type step struct {
	name string
	sql  string
}

// steps are the migrations, in order.
var steps = []step{
	{"first", `
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;

-- The vocabulary. A param with name '' is a resource type; flags say which tables hold its values.
CREATE TABLE param (no INTEGER PRIMARY KEY, type TEXT NOT NULL, name TEXT NOT NULL, flags INT NOT NULL DEFAULT 0, UNIQUE (type, name)) STRICT;
CREATE TABLE dict (no INTEGER PRIMARY KEY, param INT NOT NULL, system TEXT NOT NULL, code TEXT NOT NULL, UNIQUE (param, code, system)) STRICT;
CREATE INDEX dict_system ON dict (param, system, code);

-- A patient's compartment: its number, the next row in it and the T of its last change.
CREATE TABLE patient (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, next INT NOT NULL, changed INT NOT NULL) STRICT;
-- Everything that is stored or referred to; rid is NULL for what was only referred to.
CREATE TABLE entity (no INTEGER PRIMARY KEY, id TEXT NOT NULL, type INT NOT NULL, rid INT, UNIQUE (id, type)) STRICT;

CREATE TABLE resource (
  rid INTEGER PRIMARY KEY, type INT NOT NULL, deleted INT NOT NULL, t INT NOT NULL, updated INT NOT NULL, version INT NOT NULL,
  id TEXT NOT NULL, has BLOB NOT NULL, codec INT NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX resource_type ON resource (type) WHERE deleted = 0;
CREATE INDEX resource_updated ON resource (type, updated) WHERE deleted = 0;
CREATE INDEX resource_t ON resource (t);

CREATE TABLE history (
  no INTEGER PRIMARY KEY, rid INT NOT NULL, type INT NOT NULL, deleted INT NOT NULL, t INT NOT NULL, until INT NOT NULL,
  updated INT NOT NULL, version INT NOT NULL, id TEXT NOT NULL, codec INT NOT NULL, body BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX history_id ON history (id, type, version);
CREATE INDEX history_rid ON history (rid, until);
CREATE INDEX history_until ON history (until);
CREATE INDEX history_t ON history (t);

-- The index: the key is the search.
CREATE TABLE tok (k INT, rid INT, PRIMARY KEY (k, rid)) STRICT, WITHOUT ROWID;
CREATE TABLE ident (p INT, value TEXT, sys INT, typ INT, rid INT, PRIMARY KEY (p, value, rid, sys, typ)) STRICT, WITHOUT ROWID;
CREATE TABLE ref (e INT, p INT, rid INT, PRIMARY KEY (e, p, rid)) STRICT, WITHOUT ROWID;
CREATE TABLE dat (p INT, rid INT, lo INT, hi INT, PRIMARY KEY (p, rid, lo, hi)) STRICT, WITHOUT ROWID;
CREATE INDEX dat_lo ON dat (p, lo, hi);
CREATE INDEX dat_hi ON dat (p, hi, lo);
CREATE TABLE str (p INT, rid INT, norm TEXT, exact TEXT, PRIMARY KEY (p, rid, norm, exact)) STRICT, WITHOUT ROWID;
CREATE INDEX str_norm ON str (p, norm);
CREATE TABLE qty (p INT, rid INT, v REAL, lo REAL, hi REAL, unit INT, label INT, PRIMARY KEY (p, rid, v, lo, hi, unit, label)) STRICT, WITHOUT ROWID;
CREATE INDEX qty_v ON qty (p, v, lo, hi);
CREATE TABLE uri (p INT, value TEXT, rid INT, PRIMARY KEY (p, value, rid)) STRICT, WITHOUT ROWID;
-- One row for each combination of the parts' values in one element.
CREATE TABLE comp (
  p INT, k0 INT, rid INT, n INT, lo0 ANY, hi0 ANY, v0 ANY, s0 ANY,
  k1 INT, lo1 ANY, hi1 ANY, v1 ANY, s1 ANY, k2 INT, lo2 ANY, hi2 ANY, v2 ANY, s2 ANY,
  PRIMARY KEY (p, k0, rid, n)) STRICT, WITHOUT ROWID;

CREATE TABLE item (space TEXT, key TEXT, owner TEXT NOT NULL, value BLOB NOT NULL, version INT NOT NULL, expires INT NOT NULL, PRIMARY KEY (space, key)) STRICT, WITHOUT ROWID;
CREATE INDEX item_owner ON item (space, owner);
CREATE INDEX item_expires ON item (expires) WHERE expires > 0;
CREATE TABLE once (key TEXT PRIMARY KEY, t INT NOT NULL, at INT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX once_at ON once (at);

-- The audit log: leaf t has index t-1.
CREATE TABLE leaf (t INTEGER PRIMARY KEY, at INT NOT NULL, actor TEXT NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX leaf_actor ON leaf (actor);
CREATE TABLE leaf_patient (patient TEXT, t INT, PRIMARY KEY (patient, t)) STRICT, WITHOUT ROWID;
CREATE TABLE hash (no INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;
CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, at INT NOT NULL, note BLOB NOT NULL) STRICT;
`},
	{"patient keys", `
-- The keys of patients, by generation, each wrapped by a key of the table kek. Generation 0 stands
-- for a patient whose keys were destroyed.
CREATE TABLE kek (no INTEGER PRIMARY KEY, key BLOB NOT NULL, at INT NOT NULL) STRICT;
CREATE TABLE patient_key (no INT NOT NULL, gen INT NOT NULL, kek INT NOT NULL, key BLOB NOT NULL, PRIMARY KEY (no, gen)) STRICT, WITHOUT ROWID;
CREATE INDEX patient_key_kek ON patient_key (kek);
ALTER TABLE item ADD COLUMN patient TEXT NOT NULL DEFAULT '';
CREATE INDEX item_patient ON item (patient) WHERE patient <> '';
`},
	{"dictionary", `
-- From here on, bodies are compressed with a dictionary (store/packed), which programs of before do not have.
`},
	{"log blocks", `
-- Who did what, and how it ended, of every 4,096 entries of the audit log (store/packed). It is made
-- from the log after the upgrade, while the record is used.
CREATE TABLE leaf_block (no INTEGER PRIMARY KEY, kinds BLOB NOT NULL, body BLOB NOT NULL) STRICT;
`},
	{"quick bodies", `
-- From here on, bodies are written with a codec (store/packed) that programs of before do not have.
`},
}
