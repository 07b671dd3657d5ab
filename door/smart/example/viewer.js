// The second half of the launch: turns the code into a token, and shows what it may read.
'use strict'
const el = (tag, attributes = {}, ...inside) => {
  const svg = ['svg', 'polyline'].includes(tag)
  const e = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag)
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v)
  e.append(...inside)
  return e
}
const state = document.getElementById('state')

// What was cancelled or entered in error is no measurement, and what a patient has sent waits for a
// clinician: the chart does not show it either.
const counts = (o) => !['cancelled', 'entered-in-error', 'registered'].includes(o.status) &&
  !(o.status === 'preliminary' && (o.meta?.tag || []).some((t) => t.code === 'patient-reported'))

// Measurements belong together by their codes and unit, whatever words they came with; the two
// numbers of a blood pressure are one measurement.
function collect(observations) {
  const series = [], known = new Map()
  const add = (concept, q, at, values, name) => {
    const unit = q.code || q.unit || ''
    const keys = (concept.coding || []).map((c) => c.system + '|' + c.code + '|' + unit)
    if (!keys.length) keys.push(concept.text + '|' + unit)
    let s = keys.map((k) => known.get(k)).find(Boolean)
    if (!s) series.push(s = { label: (name || concept.text || concept.coding?.[0]?.display || 'Measurement') + (q.unit ? ' (' + q.unit + ')' : ''), points: [] })
    for (const k of keys) known.set(k, s)
    s.points.push({ at, values })
  }
  for (const o of observations) {
    const at = Date.parse(o.effectiveDateTime || o.effectivePeriod?.start || o.effectiveInstant || o.issued)
    if (Number.isNaN(at)) continue
    const parts = (o.valueQuantity ? [o] : o.component || []).filter((p) => p.valueQuantity?.value !== undefined)
    const of = (code) => parts.find((p) => (p.code.coding || []).some((c) => c.system === 'http://loinc.org' && c.code === code))
    const upper = of('8480-6'), lower = of('8462-4')
    if (upper && lower) add({ coding: [{ system: 'pair', code: 'pressure' }] }, upper.valueQuantity, at, [upper.valueQuantity.value, lower.valueQuantity.value], 'Blood pressure')
    else for (const p of parts) add(p.code, p.valueQuantity, at, [p.valueQuantity.value])
  }
  return series
}

async function view() {
  const given = new URLSearchParams(location.search)
  const kept = JSON.parse(sessionStorage.getItem('launch') || '{}')
  sessionStorage.removeItem('launch')
  history.replaceState(null, '', location.pathname)
  if (given.get('error')) throw new Error(given.get('error_description') || 'Access was refused.')
  if (!given.get('code') || given.get('state') !== kept.state) throw new Error('Start this program from a chart or from the portal.')
  const answer = await fetch(kept.token, { method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: 'authorization_code', code: given.get('code'), redirect_uri: kept.redirect, client_id: 'vital-signs-viewer', code_verifier: kept.verifier }) })
  const token = await answer.json()
  if (!answer.ok) throw new Error(token.error_description || 'No token was given.')
  const ask = async (path) => {
    const r = await fetch(kept.iss + '/' + path, { headers: { Authorization: 'Bearer ' + token.access_token, Accept: 'application/fhir+json' } })
    if (!r.ok) throw new Error('The record answered ' + r.status + '.')
    return r.json()
  }
  const patient = await ask('Patient/' + token.patient)
  const name = (patient.name || [{}])[0]
  document.getElementById('who').append(el('p', { class: 'card' }, [...(name.given || []), name.family || ''].join(' ') + (patient.birthDate ? ', born ' + patient.birthDate : '')))
  const found = []
  for (let path = 'Observation?patient=' + token.patient + '&_sort=date&_count=500'; path;) {
    const page = await ask(path)
    found.push(...(page.entry || []).map((e) => e.resource))
    const next = (page.link || []).find((l) => l.relation === 'next')?.url
    path = next?.startsWith(kept.iss + '/') ? next.slice(kept.iss.length + 1) : ''
  }
  const series = collect(found.filter(counts))
  for (const { label, points } of series) {
    points.sort((a, b) => a.at - b.at)
    const [first, last] = [points[0].at, points.at(-1).at], values = points.flatMap((p) => p.values)
    const low = Math.min(...values), high = Math.max(...values)
    const line = (n) => points.filter((p) => n in p.values).map((p) => `${last > first ? ((p.at - first) / (last - first)) * 300 : 150},${high > low ? 55 - ((p.values[n] - low) / (high - low)) * 50 : 30}`).join(' ')
    document.getElementById('charts').append(el('div', { class: 'card' }, el('h2', {}, label), el('p', {}, `Last ${points.at(-1).values.join('/')}, between ${low} and ${high} in ${points.length} measurements`),
      el('svg', { viewBox: '0 0 300 60', preserveAspectRatio: 'none', role: 'img', 'aria-label': label + ' over time' }, ...points[0].values.map((_, n) => el('polyline', { points: line(n) })))))
  }
  state.textContent = series.length ? 'It may read this for ' + Math.round(token.expires_in / 60) + ' minutes.' : 'There are no vital signs yet.'
}
view().catch((e) => { state.textContent = e.message })
