import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpFilter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Takes the place of {@link CallerFilter} where there is no nginx: asks the sign-in service itself. Answers 401 or 503.
 *
 * <p>"Yes" is remembered for CACHE_SECONDS: for as long, a session that was ended is still let in. "No" is not remembered.
 */
public class IntrospectionFilter extends HttpFilter {
  private static final URI ADDRESS = URI.create(System.getenv("SERVICE_URL") + "/service/v1/introspect");
  private static final String SERVICE_TOKEN = System.getenv("SERVICE_TOKEN");
  /** 0 asks for every request. */
  private static final double CACHE_SECONDS =
      Double.parseDouble(System.getenv().getOrDefault("INTROSPECTION_CACHE_SECONDS", "5"));
  private static final int MAX_CACHED = 10_000;
  private static final Duration TIMEOUT = Duration.ofSeconds(3);
  private static final Pattern BEARER = Pattern.compile("bearer +(\\S{1,1000})", Pattern.CASE_INSENSITIVE);

  private record Known(long untilNanos, CallerFilter.Caller caller) {}

  private final HttpClient client = HttpClient.newBuilder().connectTimeout(TIMEOUT).build();
  private final Map<String, Known> cache =
      new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Known> eldest) {
          return size() > MAX_CACHED;
        }
      };

  @Override
  protected void doFilter(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
      throws IOException, ServletException {
    String authorization = request.getHeader("Authorization");
    Matcher bearer = BEARER.matcher(authorization == null ? "" : authorization);
    CallerFilter.Caller caller;
    try {
      caller = bearer.matches() ? find(bearer.group(1)) : null;
    } catch (Exception error) {
      // The service did not answer, or did not accept us: nothing is known about the session.
      getServletContext().log("introspection failed", error);
      response.setHeader("Retry-After", "1");
      response.sendError(HttpServletResponse.SC_SERVICE_UNAVAILABLE);
      return;
    }
    if (caller == null) response.sendError(HttpServletResponse.SC_UNAUTHORIZED);
    else chain.doFilter(CallerFilter.withCaller(request, caller), response);
  }

  /** Whose token it is; null: there is no live session. */
  private CallerFilter.Caller find(String token) throws Exception {
    // A token is a secret: only its digest is kept.
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8));
    String key = Base64.getEncoder().encodeToString(digest);
    synchronized (cache) {
      Known known = cache.get(key);
      if (known != null && known.untilNanos - System.nanoTime() > 0) return known.caller;
      cache.remove(key);
    }
    // From before the question: what it answers may be over by the time it is here.
    long untilNanos = System.nanoTime() + (long) (CACHE_SECONDS * 1e9);
    CallerFilter.Caller caller = introspect(token);
    if (caller == null) return null;
    synchronized (cache) {
      cache.put(key, new Known(untilNanos, caller));
    }
    return caller;
  }

  private CallerFilter.Caller introspect(String token) throws Exception {
    HttpRequest question =
        HttpRequest.newBuilder(ADDRESS)
            .timeout(TIMEOUT)
            .header("Authorization", "Bearer " + SERVICE_TOKEN)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .POST(HttpRequest.BodyPublishers.ofString("token=" + URLEncoder.encode(token, StandardCharsets.UTF_8)))
            .build();
    var answer = client.send(question, BodyHandlers.ofString());
    if (answer.statusCode() != 200) throw new IOException("introspection was answered " + answer.statusCode());
    String json = answer.body();
    if (json.contains("\"active\":false")) return null;
    String userId = field(json, "sub");
    if (userId == null) throw new IOException("introspection was answered something else");
    return new CallerFilter.Caller(userId, field(json, "session_id"), field(json, "appid"), field(json, "external_id"));
  }

  /** A text of a flat JSON object. The JDK reads no JSON; use the library of your framework where you have one. */
  private static String field(String json, String name) {
    Matcher found = Pattern.compile("\"" + name + "\":\"((?:[^\"\\\\]|\\\\.)*)\"").matcher(json);
    return found.find() ? found.group(1).replaceAll("\\\\(.)", "$1") : null;
  }
}
