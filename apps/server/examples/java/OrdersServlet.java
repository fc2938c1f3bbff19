import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;

/** GET /api/orders: the orders of whoever asks. */
public class OrdersServlet extends HttpServlet {
  @Override
  protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
    CallerFilter.Caller caller = (CallerFilter.Caller) request.getUserPrincipal();
    response.setContentType("application/json");
    response.getWriter().printf("{\"ordersOf\":\"%s\",\"appid\":\"%s\"}", caller.userId(), caller.appid());
  }
}
