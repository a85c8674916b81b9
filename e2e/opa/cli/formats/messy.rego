package   messy
import   data.b
import data.a
p contains x if{x:=data.a[_];x>1  # why
  }
q:={"a":1,
"b":[1,2,
3]}
