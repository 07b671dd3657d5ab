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
  const found = await ask('Observation?patient=' + token.patient + '&_sort=date&_count=500')
  const series = new Map()
  for (const { resource: o } of found.entry || []) {
    const parts = o.component && !o.valueQuantity ? o.component : [o]
    for (const p of parts) {
      if (!p.valueQuantity || !o.effectiveDateTime) continue
      const label = (p.code.text || p.code.coding?.[0]?.display || 'Measurement') + (p.valueQuantity.unit ? ' (' + p.valueQuantity.unit + ')' : '')
      if (!series.has(label)) series.set(label, [])
      series.get(label).push({ at: Date.parse(o.effectiveDateTime), value: p.valueQuantity.value })
    }
  }
  for (const [label, points] of series) {
    const [first, last] = [points[0].at, points.at(-1).at]
    const low = Math.min(...points.map((p) => p.value)), high = Math.max(...points.map((p) => p.value))
    const line = points.map((p) => `${last > first ? ((p.at - first) / (last - first)) * 300 : 150},${high > low ? 55 - ((p.value - low) / (high - low)) * 50 : 30}`).join(' ')
    document.getElementById('charts').append(el('div', { class: 'card' }, el('h2', {}, label), el('p', {}, `Last ${points.at(-1).value}, between ${low} and ${high} in ${points.length} measurements`),
      el('svg', { viewBox: '0 0 300 60', preserveAspectRatio: 'none', role: 'img', 'aria-label': label + ' over time' }, el('polyline', { points: line }))))
  }
  state.textContent = series.size ? 'It may read this for ' + Math.round(token.expires_in / 60) + ' minutes.' : 'There are no vital signs yet.'
}
view().catch((e) => { state.textContent = e.message })
