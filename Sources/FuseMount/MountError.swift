/// Why a mount failed; the text is one line that names the thing and the remedy.
public enum MountError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The mount point does not exist.
    case missing(String)
    /// The mount point is not a directory.
    case notDirectory(String)
    /// The mount point has entries, which the mount would hide.
    case notEmpty(String)
    /// The mount point cannot be used by this user; the second text says why.
    case noPermission(String, String)
    /// A mount whose daemon is gone lies at the mount point.
    case dead(String)
    /// The kernel has no FUSE, or the container has no device for it.
    case noDevice
    /// The device exists, but this user may not open it.
    case deviceDenied
    /// The program that mounts for unprivileged users is missing.
    case noHelper
    /// That program is there, but not set-user-ID root.
    case helperPowerless(String)
    /// /etc/fuse.conf does not let users open their mounts to others.
    case othersNotAllowed
    /// libfuse does not know an option; its own words.
    case badOption(String)
    /// libfuse or the kernel refused; their own words.
    case refused(String, String)
    /// The kernel did not begin the session.
    case initFailed(String)
    /// The session was mounted before.
    case alreadyMounted

    /// One line that names the thing and the remedy.
    public var description: String {
        switch self {
        case .missing(let path): "mount point \(path) does not exist: create it with mkdir -p"
        case .notDirectory(let path): "mount point \(path) is not a directory: give a directory"
        case .notEmpty(let path):
            "mount point \(path) is not empty: give an empty directory, or add -o nonempty"
        case .noPermission(let path, let why):
            "mount point \(path) cannot be used: \(why); give a directory that you own, or mount as root"
        case .dead(let path):
            "mount point \(path) has a mount whose daemon is gone: unmount it with fusermount3 -u -z \(path)"
        case .noDevice:
            "/dev/fuse does not exist: run modprobe fuse, or give the device to the container"
        case .deviceDenied:
            "/dev/fuse cannot be opened: set its mode to 0666, or allow the device to the container"
        case .noHelper: "fusermount3 is missing, without which only root can mount: install the package fuse3"
        case .helperPowerless(let path):
            "\(path) is not set-user-ID root, so only root can mount: reinstall the package fuse3"
        case .othersNotAllowed:
            "allow_other is for root only: add the line user_allow_other to /etc/fuse.conf"
        case .badOption(let text): "mount option refused by libfuse: \(text)"
        case .refused(let path, let text): "cannot mount on \(path): \(text)"
        case .initFailed(let text): "the kernel did not begin the FUSE session: \(text)"
        case .alreadyMounted: "the session is mounted already: make a new one"
        }
    }
}
