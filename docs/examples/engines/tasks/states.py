def states():
    return ["AL", "AZ", "CA", "GA", "NC", "NY", "OH", "TX", "VA", "WA"]
