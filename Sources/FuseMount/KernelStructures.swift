import CFuse3
import FileSystem
import Glibc

extension Duration {
    /// The form in which libfuse takes validities.
    var seconds: Double {
        let parts = components
        return Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
    }
}

extension timespec {
    /// - Parameter nanoseconds: Since 1970; may be negative.
    init(nanoseconds: Int64) {
        let second: Int64 = 1_000_000_000
        var (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: second)
        if rest < 0 {
            seconds -= 1
            rest += second
        }
        self.init(tv_sec: Int(seconds), tv_nsec: Int(rest))
    }

    /// Nanoseconds since 1970; the nearest that there is if that is more than 64 bits hold.
    var nanoseconds: Int64 {
        let (product, overflow) = Int64(tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, sumOverflow) = product.addingReportingOverflow(Int64(tv_nsec))
        return overflow || sumOverflow ? (tv_sec < 0 ? .min : .max) : sum
    }
}

extension stat {
    /// What users see of a node.
    ///
    /// Blocks are those that a file without holes would have.
    init(_ node: NodeAttributes) {
        self.init()
        st_ino = ino_t(node.inode)
        st_mode = node.mode
        st_nlink = nlink_t(node.linkCount)
        st_uid = node.uid
        st_gid = node.gid
        st_rdev = dev_t(node.device)
        st_size = Int(node.size)
        st_blksize = 4096
        st_blocks = Int((node.size + 511) / 512)
        st_atim = timespec(nanoseconds: node.accessed)
        st_mtim = timespec(nanoseconds: node.modified)
        st_ctim = timespec(nanoseconds: node.changed)
    }
}

extension fuse_entry_param {
    /// An entry that leads to a node.
    ///
    /// Nodes are never named again, so the generation is always 0.
    init(_ node: NodeAttributes) {
        self.init()
        ino = fuse_ino_t(node.node)
        attr = stat(node)
        attr_timeout = node.attributesValid.seconds
        entry_timeout = node.entryValid.seconds
    }
}

extension statvfs {
    /// The totals of the file system; everything is free that is not there.
    init(_ statistics: FileSystemStatistics) {
        self.init()
        f_bsize = UInt(statistics.blockSize)
        f_frsize = UInt(statistics.blockSize)
        f_blocks = UInt(statistics.blocks)
        f_bfree = UInt(statistics.blocks)
        f_bavail = UInt(statistics.blocks)
        f_files = UInt(statistics.files)
        f_ffree = UInt(statistics.files)
        f_favail = UInt(statistics.files)
        f_namemax = UInt(statistics.nameMaximum)
    }
}
