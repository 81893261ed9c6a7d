def A():
    return ["NC", "SC"]
