// Start of a SMART App Launch: finds the authorization server of the record that started this
// program, and asks for access with PKCE.
'use strict'
const state = document.getElementById('state')
const text = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
const random = () => text(crypto.getRandomValues(new Uint8Array(32)))

async function launch() {
  const given = new URLSearchParams(location.search)
  const iss = given.get('iss') || location.origin + '/fhir'
  const found = await fetch(iss + '/.well-known/smart-configuration', { headers: { Accept: 'application/json' } })
  if (!found.ok) throw new Error('The record does not say where to ask for access.')
  const smart = await found.json()
  const kept = { iss, token: smart.token_endpoint, state: random(), verifier: random(), redirect: new URL('viewer.html', location.href).href }
  sessionStorage.setItem('launch', JSON.stringify(kept))
  const scopes = ['openid', 'fhirUser', 'online_access', given.get('launch') ? 'launch' : 'launch/patient', 'patient/Patient.r',
    'patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs', 'patient/Condition.rs']
  const challenge = text(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(kept.verifier))))
  const ask = new URLSearchParams({ response_type: 'code', client_id: 'vital-signs-viewer', redirect_uri: kept.redirect, scope: scopes.join(' '), state: kept.state,
    aud: iss, code_challenge: challenge, code_challenge_method: 'S256' })
  if (given.get('launch')) ask.set('launch', given.get('launch'))
  location.replace(smart.authorization_endpoint + '?' + ask)
}
launch().catch((e) => { state.textContent = e.message })
