module kbin.dev/lab/smoke

go 1.26
