import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpFilter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.security.Principal;

/**
 * Tells a servlet who sent a request: {@code (Caller) request.getUserPrincipal()}.
 *
 * <p>nginx has asked the sign-in service already and overwritten these headers, so they are true as long as nobody else
 * can reach this port.
 */
public class CallerFilter extends HttpFilter {
  /** The signed-in user. {@code externalId} is null where the service knows none. */
  public record Caller(String userId, String sessionId, String appid, String externalId) implements Principal {
    @Override
    public String getName() {
      return userId;
    }
  }

  @Override
  protected void doFilter(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
      throws IOException, ServletException {
    String userId = request.getHeader("X-Auth-User-Id");
    if (userId == null) {
      // Not 401: that would tell the phone that its session is not valid. The configuration of the proxy is wrong.
      getServletContext().log("a request without X-Auth-User-Id: it did not come through the proxy");
      response.sendError(HttpServletResponse.SC_INTERNAL_SERVER_ERROR);
      return;
    }
    Caller caller =
        new Caller(
            userId,
            request.getHeader("X-Auth-Session-Id"),
            request.getHeader("X-Auth-Appid"),
            request.getHeader("X-Auth-External-Id"));
    chain.doFilter(withCaller(request, caller), response);
  }

  static HttpServletRequest withCaller(HttpServletRequest request, Caller caller) {
    return new HttpServletRequestWrapper(request) {
      @Override
      public Principal getUserPrincipal() {
        return caller;
      }

      @Override
      public String getRemoteUser() {
        return caller.userId();
      }
    };
  }
}
