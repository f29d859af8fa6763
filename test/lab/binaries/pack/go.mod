module kbin.dev/lab/pack

go 1.26
