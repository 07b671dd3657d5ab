// Well-known FHIR clients against a running Osler, each unmodified: create, read, update,
// patch, delete, search, paging, batch and history.
//
//   OSLER_URL=http://127.0.0.1:8080 OSLER_TOKEN=… node run.mjs
import assert from 'node:assert/strict'

const server = process.env.OSLER_URL
const token = process.env.OSLER_TOKEN
globalThis.WebSocket ??= class {} // @medplum/core names it at import, Node 20 has none

const { default: FHIR } = await import('fhirclient')
const { Client } = await import('fhir-kit-client')
const { MedplumClient } = await import('@medplum/core')

const family = 'Client' + Date.now().toString(36).replace(/\d/g, (d) => 'abcdefghij'[d])
const patient = (given) => ({ resourceType: 'Patient', name: [{ family, given: [given] }], gender: 'female', birthDate: '1980-02-03' })
const observation = (ref, value) => ({
  resourceType: 'Observation', status: 'final', subject: { reference: ref }, effectiveDateTime: '2026-11-20',
  code: { coding: [{ system: 'http://loinc.org', code: '29463-7', display: 'Body weight' }] },
  valueQuantity: { value, unit: 'kg', system: 'http://unitsofmeasure.org', code: 'kg' },
})
const refused = async (status, work) => {
  try {
    await work()
  } catch (e) {
    const got = e.status ?? e.statusCode ?? e.response?.status ?? e.outcome?.issue?.[0]?.code ?? e.message
    assert.ok(String(got).includes(String(status)) || String(e.message).includes(String(status)), `refused with ${got}, not ${status}`)
    return
  }
  assert.fail(`not refused with ${status}`)
}

// fhirclient: the JavaScript client of SMART Health IT.
async function smart() {
  const client = FHIR({ headers: { host: 'localhost' }, url: '/' }, {}).client({ serverUrl: server + '/fhir', tokenResponse: { access_token: token } })
  const made = await client.create(patient('Smart'))
  assert.ok(made.id)
  const ref = 'Patient/' + made.id
  assert.equal((await client.request(ref)).name[0].given[0], 'Smart')
  const updated = await client.update({ ...made, active: true })
  assert.equal(updated.meta.versionId, '2')
  const patched = await client.patch(ref, [{ op: 'replace', path: '/birthDate', value: '1980-02-04' }])
  assert.equal(patched.birthDate, '1980-02-04')
  for (let i = 0; i < 5; i++) await client.create(observation(ref, 70 + i))
  const flat = await client.request(`Observation?patient=${made.id}&_count=2`, { pageLimit: 0, flat: true })
  assert.deepEqual(flat.map((o) => o.valueQuantity.value).sort(), [70, 71, 72, 73, 74])
  const graph = await client.request(`Observation?patient=${made.id}&_count=1`, { resolveReferences: ['subject'], graph: true })
  assert.equal(graph.entry[0].resource.subject.name[0].family, family)
  const history = await client.request(ref + '/_history')
  assert.equal(history.entry.length, 3)
  assert.equal(client.getPath(await client.request('metadata'), 'fhirVersion'), '4.0.1')
  const alone = await client.create(patient('Alone'))
  await client.delete('Patient/' + alone.id)
  await refused(410, () => client.request('Patient/' + alone.id))
  await refused(404, () => client.request('Patient/nobody'))
}

// fhir-kit-client: of Vermonster.
async function kit() {
  const client = new Client({ baseUrl: server + '/fhir', bearerToken: token })
  assert.equal((await client.capabilityStatement()).resourceType, 'CapabilityStatement')
  const made = await client.create({ resourceType: 'Patient', body: patient('Kit') })
  const { id } = made
  assert.equal((await client.read({ resourceType: 'Patient', id })).id, id)
  await client.update({ resourceType: 'Patient', id, body: { ...made, active: true } })
  assert.equal((await client.vread({ resourceType: 'Patient', id, version: '1' })).active, undefined)
  const patched = await client.patch({ resourceType: 'Patient', id, jsonPatch: [{ op: 'add', path: '/name/0/given/1', value: 'Second' }] })
  assert.deepEqual(patched.name[0].given, ['Kit', 'Second'])
  const batch = await client.batch({
    body: {
      resourceType: 'Bundle', type: 'batch',
      entry: [1, 2, 3].map((v) => ({ request: { method: 'POST', url: 'Observation' }, resource: observation('Patient/' + id, v) }))
        .concat([{ request: { method: 'GET', url: 'Patient/nobody' } }]),
    },
  })
  assert.deepEqual(batch.entry.map((e) => e.response.status.slice(0, 3)), ['201', '201', '201', '404'])
  const transaction = await client.transaction({
    body: {
      resourceType: 'Bundle', type: 'transaction',
      entry: [
        { fullUrl: 'urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9', request: { method: 'POST', url: 'Patient' }, resource: patient('KitTwo') },
        { request: { method: 'POST', url: 'Observation' }, resource: observation('urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9', 9) },
      ],
    },
  })
  assert.equal(transaction.entry.length, 2)
  let page = await client.search({ resourceType: 'Observation', searchParams: { patient: id, _count: 2, _sort: '_id' } })
  const values = []
  for (; page; page = await client.nextPage({ bundle: page })) values.push(...(page.entry ?? []).map((e) => e.resource.valueQuantity.value))
  assert.deepEqual(values.sort(), [1, 2, 3])
  const posted = await client.search({ resourceType: 'Patient', searchParams: { family, given: 'Kit' }, options: { postSearch: true } })
  assert.ok(posted.entry.some((e) => e.resource.id === id))
  const whole = await client.systemSearch({ searchParams: { _id: id, _type: 'Patient' } })
  assert.equal(whole.entry?.length, 1, JSON.stringify(whole))
  assert.equal((await client.compartmentSearch({ resourceType: 'Observation', compartment: { resourceType: 'Patient', id } })).entry.length, 3)
  assert.equal((await client.history({ resourceType: 'Patient', id })).entry.length, 3)
  assert.ok((await client.typeHistory({ resourceType: 'Patient' })).entry.length > 2)
  assert.ok((await client.systemHistory()).entry.length > 5)
  const everything = await client.operation({ resourceType: 'Patient', id, name: '$everything', method: 'GET' })
  assert.equal(everything.entry.length, 4)
  const resolved = await client.resolve({ reference: 'Patient/' + id })
  assert.equal(resolved.id, id)
  const alone = await client.create({ resourceType: 'Patient', body: patient('Alone') })
  await client.delete({ resourceType: 'Patient', id: alone.id })
  await refused(410, () => client.read({ resourceType: 'Patient', id: alone.id }))
}

// @medplum/core: of Medplum, made for another server.
async function medplum() {
  const client = new MedplumClient({ baseUrl: server, fhirUrlPath: 'fhir', accessToken: token, fetch, cacheTime: 0, autoBatchTime: 0 })
  const made = await client.createResource({ ...patient('Medplum'), identifier: [{ system: 'urn:client', value: family }] })
  const { id } = made
  assert.equal((await client.readResource('Patient', id)).name[0].given[0], 'Medplum')
  const again = await client.createResourceIfNoneExist(patient('Twice'), 'identifier=urn:client|' + family)
  assert.equal(again.id, id)
  assert.equal((await client.updateResource({ ...made, active: true })).meta.versionId, '2')
  assert.equal((await client.patchResource('Patient', id, [{ op: 'replace', path: '/gender', value: 'other' }])).gender, 'other')
  const upserted = await client.upsertResource({ ...made, active: false }, 'identifier=urn:client|' + family)
  assert.equal(upserted.active, false)
  const bundle = await client.executeBatch({
    resourceType: 'Bundle', type: 'transaction',
    entry: [1, 2, 3, 4].map((v) => ({ request: { method: 'POST', url: 'Observation' }, resource: observation('Patient/' + id, v) })),
  })
  assert.equal(bundle.entry.length, 4)
  assert.equal((await client.searchResources('Observation', { patient: id })).length, 4)
  assert.equal((await client.searchOne('Patient', 'identifier=urn:client|' + family)).id, id)
  let pages = 0
  let found = 0
  for await (const page of client.searchResourcePages('Observation', { patient: id, _count: '3' })) {
    pages++
    found += page.length
  }
  assert.deepEqual([pages, found], [2, 4])
  assert.equal((await client.readHistory('Patient', id)).entry.length, 4)
  assert.equal((await client.readVersion('Patient', id, '1')).gender, 'female')
  assert.equal((await client.readReference({ reference: 'Patient/' + id })).id, id)
  assert.ok((await client.readPatientEverything(id)).entry.length >= 5)
  assert.equal((await client.validateResource(made)).resourceType, 'OperationOutcome')
  const alone = await client.createResource(patient('Alone'))
  await client.deleteResource('Patient', alone.id)
  await refused('gone|deleted'.split('|')[1], () => client.readResource('Patient', alone.id, { cache: 'reload' }))
}

let failed = 0
for (const [name, work] of Object.entries({ fhirclient: smart, 'fhir-kit-client': kit, '@medplum/core': medplum })) {
  try {
    await work()
    console.log('ok ' + name)
  } catch (e) {
    failed++
    console.log(`FAIL ${name}: ${e.stack ?? e}`)
    for (const part of [e.outcome, e.response?.data, e.body]) if (part) console.log(JSON.stringify(part).slice(0, 600))
  }
}
process.exit(failed ? 1 : 0)
