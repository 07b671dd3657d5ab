package smart

import "github.com/osler-emr/osler/door/web"

// Area are the pages for people. They show in the clinic or the portal, whichever is the
// reader's.
func (d *Door) Area() web.Area {
	return web.Area{Door: "smart", Shared: true, Routes: d.routes}
}

func (d *Door) routes(m *web.Mux) {
	m.Page("GET /oauth/authorize", web.Public, d.authorize) // sends to the sign-in itself, after a look at the request
	m.Page("POST /oauth/consent", web.SignedIn, d.consent)

	m.Page("GET /p/{patient}/programs", web.Clinical, d.gallery)
	m.Page("GET /portal/programs", web.Patient, d.ownGallery)
	m.Page("POST /programs/{client}/start", web.Clinical|web.Patient, d.start)

	m.Page("GET /settings/apps", web.SignedIn, d.grants)
	m.Page("POST /settings/apps/{grant}/end", web.SignedIn, d.end)

	m.Page("GET /programs", web.Audit, d.programs)
	m.Page("GET /programs/new", web.Administrator, d.newProgram)
	m.Page("POST /programs/new", web.Administrator, web.Fresh(web.Opening, d.registerByForm))
	m.Page("GET /programs/{client}", web.Administrator, d.program)
	m.Page("POST /programs/{client}", web.Administrator, d.decide)
}
