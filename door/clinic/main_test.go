package clinic

import (
	"os"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
)

func TestMain(m *testing.M) { os.Exit(webtest.Main(m)) }
