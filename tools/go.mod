module github.com/osler-emr/osler/tools

go 1.26
