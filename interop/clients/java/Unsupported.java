/** Thrown where the client has no such function; the reason stands in the table. */
final class Unsupported extends Exception {
    Unsupported(String reason) {
        super(reason);
    }
}
