print("alluxio-fuse")
