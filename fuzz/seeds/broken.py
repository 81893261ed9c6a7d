def f(
  x

"""unterminated
