def f(x):
	return x # c
  y = 1
\
