import Foundation
import Testing

@testable import ObjectStore

@Suite struct CredentialProcessTests {
    private func process(_ command: String, timeout: Duration = .seconds(30)) -> CredentialProcess {
        CredentialProcess(
            command: command,
            environment: ["PATH": "/usr/bin:/bin", "MARK": "seen"],
            source: "the command",
            timeout: timeout
        )
    }

    private func output(_ command: String) throws(CredentialsError) -> String {
        String(decoding: try process(command).run(), as: UTF8.self)
    }

    @Test func whatACommandPrintsIsReturned() throws {
        #expect(try output("printf '%s' 'a b'") == "a b")
        #expect(try output("printf \"$MARK\"; env | grep -c HOME || true").hasPrefix("seen0"))
        #expect(try output("true") == "")
    }

    @Test func sixtyFourKibibytesAreReadAndMoreAreRefused() throws {
        #expect(try process("head -c 65536 /dev/zero").run().count == 65536)
        let error = failureText { () throws(CredentialsError) in try process("cat /dev/zero").run() }
        #expect(error == "the command printed more than 64 KiB")
    }

    @Test func aFailureGivesStatusAndFirstComplaint() throws {
        let error = failureText { () throws(CredentialsError) in
            try process("echo 'log in first' >&2; echo more >&2; exit 3").run()
        }
        #expect(error == "the command ended with status 3: log in first")
        let killed = failureText { () throws(CredentialsError) in try process("kill -TERM $$").run() }
        #expect(killed.hasPrefix("the command was ended by signal 15"))
        let missing = failureText { () throws(CredentialsError) in try process("/no/such/command").run() }
        #expect(missing.contains("status 127"))
    }

    @Test func aCommandThatDoesNotEndIsKilledWithItsChildren() throws {
        let scratch = try ScratchDirectory()
        let command = "sleep 300 & echo $! > '\(scratch.path)/child'; wait"
        let clock = ContinuousClock()
        let start = clock.now
        let error = failureText { () throws(CredentialsError) in
            try process(command, timeout: .milliseconds(500)).run()
        }
        #expect(error.contains("did not end within"))
        #expect(clock.now - start < .seconds(20))
        let text = try String(contentsOfFile: "\(scratch.path)/child", encoding: .utf8)
        let child = try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        // It was killed already; whoever inherited it still has to collect it.
        #expect(becomesTrue { kill(child, 0) != 0 || isZombie(child) })
    }

    @Test func whatStaysInTheBackgroundIsNotWaitedFor() throws {
        let clock = ContinuousClock()
        let start = clock.now
        let text = try output("sleep 30 & echo $!")
        #expect(clock.now - start < .seconds(15))
        let child = try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        kill(child, SIGKILL)
    }

    @Test func aCommandInheritsNoDescriptors() throws {
        let descriptor = open("/dev/zero", O_RDONLY)
        defer { close(descriptor) }
        #expect(try !output("ls /proc/self/fd").split(separator: "\n").contains("\(descriptor)"))
    }

    private func isZombie(_ process: pid_t) -> Bool {
        let status = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
        return status.contains(") Z ")
    }

    private func becomesTrue(_ condition: () -> Bool) -> Bool {
        for _ in 0..<200 where !condition() { usleep(50_000) }
        return condition()
    }
}
